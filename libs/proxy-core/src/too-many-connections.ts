// That a client address had more connections than it may, in the same words of each engine.
import { counted } from '#libs/model';

/** `most`: of --connections-per-client; `refused`: connections, since the start. */
export const tooManyConnections = (most: number, refused: number): string =>
  `a client address had more connections than --connections-per-client ${most} allows; ` +
  `${counted(refused, 'connection was', 'connections were')} refused so far`;
