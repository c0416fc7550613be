// Table of contents: reading HTTP/1.1 heads and chunked bodies strictly, without I/O.
export { createChunkedScanner } from './chunked-scanner.js';
export { readRequestHead } from './request-head.js';
export { readResponseHead } from './response-head.js';
export { readTrailerSection } from './trailer-section.js';
export type {
  AnswerTo,
  ChunkedScanner,
  ChunkedVerdict,
  Framing,
  HeaderLines,
  HeadLimits,
  HeadVerdict,
  ReadRequestHead,
  ReadResponseHead,
  ReadTrailerSection,
  RequestHead,
  ResponseHead,
  TrailerVerdict,
} from './message.js';
