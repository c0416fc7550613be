// What breaks HTTP/2 as such (RFC 9113 5.4.1) node answers by GOAWAY of itself, reads no more from that connection, and tells nobody. The
// end of the connection is then not read either: the session, its socket and its requests in flight stay for good. So reading is begun
// again now and then; what still comes is dropped, and an end is noticed.
import type { ClientHttp2Session, ServerHttp2Session } from 'node:http2';
import type { Clock, Timer } from '#libs/time';

const LOOK_MS = 15_000;

interface Handle {
  readonly writeQueueSize?: number;
  readonly readStart?: () => void;
}

export function noticeEnd(session: ClientHttp2Session | ServerHttp2Session, clock: Clock): void {
  let timer: Timer;
  const look = (): void => {
    if (!session.destroyed) readOn(session);
    timer = clock.after(LOOK_MS, look);
  };
  timer = clock.after(LOOK_MS, look);
  session.once('close', () => timer.cancel());
}

/** Where node has stopped because more waits to be written it stays so: the other side is to read first. A session that reads goes on. */
function readOn(session: ClientHttp2Session | ServerHttp2Session): void {
  if (session.connecting) return;
  const { _handle: handle } = session.socket as unknown as { readonly _handle?: Handle | null };
  if (handle?.writeQueueSize === 0) handle.readStart?.();
}
