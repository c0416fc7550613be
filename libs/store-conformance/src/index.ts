// Table of contents: the suite that every Store implementation must pass. It uses jest's globals: import it from specs only.
export type { FragileStore, StoreBench } from './bench.js';
export { reasonConformance } from './reason-conformance.js';
export { leadershipConformance } from './leadership-conformance.js';
export { commitConformance } from './commit-conformance.js';
export { historyConformance } from './history-conformance.js';
export { faultConformance } from './fault-conformance.js';
export { arbitraryCommit } from './arbitrary-commits.js';
export { expectSameBehaviour } from './equivalence.js';
