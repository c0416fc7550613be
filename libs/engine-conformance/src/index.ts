// Table of contents: the suite that every data path of a proxy passes. A lib of its own because it imports jest: only specs may import it.
export { engineConformance } from './suite.js';
export type { EngineMaker, EngineWish } from './engine-bench.js';
