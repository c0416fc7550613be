// Judges the pace of a body on the full path (fast/body-pace.ts).
import type { Readable } from 'node:stream';
import type { Clock } from '#libs/time';
import { isTooSlow, LOOK_MS, type BodyPace } from '../fast/body-pace.js';

/** Calls back at most once; what it returns ends it. The body is not read by this: its pace counts while somebody else reads it. */
export function watchPace(
  body: Readable | undefined,
  pace: BodyPace,
  clock: Clock,
  onSlow: () => void,
): () => void {
  if (!body || body.readableEnded || pace.bytesPerSecond === 0) return () => undefined;
  let [bytes, looks] = [0, 0];
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
  };
  // a listener for data would start the flow, so it waits until it has begun
  const begin = (): unknown => body.on('data', count);
  body.once('resume', begin);
  let timer = clock.after(LOOK_MS, look);
  const stop = (): void => {
    timer.cancel();
    body.off('resume', begin).off('data', count).off('end', stop).off('close', stop);
  };
  body.once('end', stop).once('close', stop);
  function look(): void {
    if (body?.readableFlowing === true) looks += 1;
    if (isTooSlow(pace, looks, bytes)) {
      stop();
      onSlow();
    } else timer = clock.after(LOOK_MS, look);
  }
  return stop;
}
