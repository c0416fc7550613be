// Table of contents: naming a process beyond its pid.
export { bootId, identityOf, isAlive, parentOf, signalProcess } from './process-identity.js';
export type { ProcessIdentity } from './process-identity.js';
