// Table of contents: the suite that every Runtime passes. A lib of its own because it imports jest: only specs may import it.
export { runtimeConformance } from './suite.js';
export type { ConformanceOptions } from './bench.js';
