// Sessions of HTTP/2 end between two reads, never within one. Node tells of frames while nghttp2 is still reading what came with them, and
// ends a session by itself when the other side says GOAWAY. HEADERS behind it in the same bytes are then written into memory that is gone:
// 20.20.2 aborts (`malloc(): mismatching next->prev_size`, or at the next garbage collection `current_nghttp2_memory_ == 0`), and any client
// or target can bring it to that. See also node issue 64850.
import type { ClientHttp2Session, ServerHttp2Session } from 'node:http2';
import { outliveStreams } from './outlive-streams.js';

const leaving = new WeakSet<object>();

/** Whoever calls `close` or `destroy` of it, Node included: it happens in the next turn. Returns the same session. */
export function endLater<Session extends ClientHttp2Session | ServerHttp2Session>(session: Session): Session {
  outliveStreams(session);
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  session.close = (callback) => {
    leaving.add(session);
    setImmediate(() => close(callback));
  };
  session.destroy = (error, code) => {
    leaving.add(session);
    setImmediate(() => destroy(error, code));
  };
  session.once('close', () => setImmediate(() => leadNowhere(session)));
  return session;
}

const ignore = (): void => undefined;

/**
 * What is closed keeps nothing. SETTINGS that the other side never acknowledged hold the session as long as its native side lives, so that is
 * not to be reached from it: over listeners that know the socket, say, which knows the error that the session ended by. An error made while
 * frames were read knows the native side until its stack is read (V8), and neither would ever go.
 */
function leadNowhere(session: ClientHttp2Session | ServerHttp2Session): void {
  session.removeAllListeners();
  session.on('error', ignore);
}

/** It has ended or is about to: nothing new belongs on it. */
export const isLeaving = (session: ClientHttp2Session | ServerHttp2Session): boolean =>
  session.closed || session.destroyed || leaving.has(session);
