// The native side of a session of HTTP/2 goes after those of its streams. Fields of a head that was begun and not ended (trailers without an
// end) lie in the memory of the session until their stream is freed, and node frees both when they are garbage. A session minds the streams
// it knows; of a destroyed one it knows nothing more, yet that lives on until the next turn, or with a write on its way to a socket that
// takes no more until it is garbage, too. Then node 20.20.2 aborts if the session is first (`current_nghttp2_memory_ == 0`), and any client
// or target can bring it to that.
import type { ClientHttp2Session, Http2Stream, ServerHttp2Session } from 'node:http2';

/** What is held for a stream is held until that has been collected; a collection that takes the stream takes its native side as well. */
const held = new FinalizationRegistry<object>(() => undefined);

export function outliveStreams(session: ClientHttp2Session | ServerHttp2Session): void {
  let native = nativeOf(session);
  const mind = (stream: Http2Stream): void => {
    stream.once('close', () => {
      if (native && stream.writableLength > 0) held.register(stream, native);
    });
  };
  if ('request' in session) {
    const request = session.request.bind(session);
    session.request = (...ask) => {
      const stream = request(...ask);
      mind(stream);
      return stream;
    };
    session.once('connect', () => (native = nativeOf(session)));
  } else session.on('stream', mind);
  // for the turn in which the streams go that it had until then
  session.once('close', () => setImmediate(() => (native = undefined)));
}

let handle: symbol | undefined;

/** What node has of it beside the JS object; nothing before it is connected, or in a node that names it otherwise. */
function nativeOf(session: object): object | undefined {
  handle ??= Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle');
  return handle && (session as Record<symbol, object | undefined>)[handle];
}
