// Table of contents: the simulated machines, with the real agent on each.
export { SimHost } from './sim-host.js';
export type { EngineCondition, SimHostParts } from './sim-host.js';
export type { HostHooks } from './host-hooks.js';
export { READY_PATH, SimTask } from './sim-task.js';
export type { Reply, TaskEnd, TaskPhase } from './sim-task.js';
export { BEHAVIOUR_VARIABLE, RELEASE_VARIABLE, behaviourOf } from './task-temper.js';
export type { Temper } from './task-temper.js';
