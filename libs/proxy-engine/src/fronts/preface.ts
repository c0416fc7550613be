// How a client says that it speaks HTTP/2 without having asked (RFC 9113 3.4): with words that no HTTP/1 request begins with.

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');

/** False while too little has come to tell; a reader of HTTP/1 waits for the whole line anyway. */
export const beginsHttp2 = (bytes: Buffer): boolean =>
  bytes.length >= PREFACE.length && bytes.compare(PREFACE, 0, PREFACE.length, 0, PREFACE.length) === 0;
