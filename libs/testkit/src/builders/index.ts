// Table of contents: whole rows of the model for specs, as pure values.
export { anAgentInfo, anAgentNode } from './agent-node.js';
export { aHealthCheck, anAppSpec, aPortDefinition, aReadinessCheck, aVersion } from './app.js';
export { anInstance, aStatus } from './instance.js';
export { aLaunchSpec } from './launch.js';
export { aService, aTable, aTarget, type TargetAt } from './route.js';
