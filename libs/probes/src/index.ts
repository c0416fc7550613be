// Table of contents: health probes over real sockets.
export { httpProbe } from './http-probe.js';
export { httpAsk } from './http-ask.js';
export { tcpProbe } from './tcp-probe.js';
export { socketProbes } from './socket-probes.js';
