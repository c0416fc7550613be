// Joins the two connections of a WebSocket until both are closed. WebSocket has no half-close (RFC 6455 7.1.1: who is done says so by a close
// frame, and then the connection ends): once one side's connection has ended, the other one gets what is on its way to it, its end, a moment
// for its own last frame, and is closed whether it agrees or not. So nobody who left counts as in flight.
// When the target leaves and its drain time is over, both sides get a close frame 1001 (going away) at the next border of a frame, a moment to
// answer it, and then the end of the connection.
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '#libs/time';
import { firstOf, type Side } from '../tcp/relay.js';
import { FrameBorder } from './frame-border.js';

/** For the answers to close frames, ours or those of the side that ended. */
const CLOSING_MS = 1_000;
/** For a side that takes the last bytes slowly; at most some hundred KB are on their way. */
const LAST_BYTES_MS = 10_000;

interface Joined {
  readonly client: Duplex;
  readonly upstream: Duplex;
  readonly clock: Clock;
}

/** `onClosed` is called once, when both are closed. Returns what ends it in order. */
export function relayWebSocket(joined: Joined, onClosed: (first: Side) => void): () => void {
  const { client, upstream } = joined;
  const first = firstOf(client, upstream);
  const toServer = new FrameBorder(true);
  const toClient = new FrameBorder(false);
  const cut = new Cut(joined);
  let open = 2;
  const closed = (): void => {
    open -= 1;
    if (open > 0) return;
    cut.cancel();
    onClosed(first());
  };
  direct({ from: client, through: toServer, to: upstream, cut, closed });
  direct({ from: upstream, through: toClient, to: client, cut, closed });
  return () => {
    toServer.goAway();
    toClient.goAway();
    cut.within(CLOSING_MS);
  };
}

/** Closes both, at the earliest of the times it was given. */
class Cut {
  readonly #joined: Joined;
  #timer: Timer | undefined;
  #at = Infinity;

  constructor(joined: Joined) {
    this.#joined = joined;
  }

  within(ms: number): void {
    const { client, upstream, clock } = this.#joined;
    const at = clock.now() + ms;
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = clock.after(ms, () => {
      client.destroy();
      upstream.destroy();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#at = -Infinity;
  }
}

interface Direction {
  readonly from: Duplex;
  readonly through: FrameBorder;
  readonly to: Duplex;
  readonly cut: Cut;
  readonly closed: () => void;
}

function direct({ from, through, to, cut, closed }: Direction): void {
  let isOver = false;
  /** It says no more; what it has said is passed on yet, with the end behind it. */
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    cut.within(LAST_BYTES_MS);
    to.once('finish', () => {
      // nobody is there to whom it could answer
      if (from.closed) to.destroy();
      else cut.within(CLOSING_MS);
    });
    through.end();
  };
  const gone = (): void => {
    closed();
    if (to.writableFinished) to.destroy();
    over();
  };
  if (from.readableEnded) process.nextTick(over);
  else from.once('end', over);
  if (from.closed) process.nextTick(gone);
  else from.once('close', gone);
  // its close follows
  from.on('error', () => from.destroy());
  from.pipe(through).pipe(to);
}
