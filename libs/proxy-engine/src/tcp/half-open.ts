// Whether a server takes connections whose client may say its last word before it has heard ours. Said once, where the server is made.
import type { Server } from 'node:net';

/** As the server was made. */
export const isHalfOpen = (server: Server): boolean =>
  'allowHalfOpen' in server && server.allowHalfOpen === true;
