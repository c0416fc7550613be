// Table of contents: plans of deployments and the arithmetic of carrying them out.
export { isRestartRelevant, nextVersion } from './next-version.js';
export type { NextVersion } from './next-version.js';
export { planSteps } from './plan-steps.js';
export type { GroupDependencies, PlannedSteps, Wanted } from './plan-steps.js';
export { conflictsWith, lockedApps, replacedApps, revertChanges } from './conflicts.js';
export { revertGroups } from './revert-groups.js';
export type { StoredTree } from './revert-groups.js';
export { shareRoundedDown, shareRoundedUp } from './exact-share.js';
export { minimumHealthy, rollingWindow } from './rolling-window.js';
export type { RollingSets, RollingWindow } from './rolling-window.js';
export { scaleNeeds, victimOrder } from './scaling.js';
export type { ScaleNeeds, VictimCandidate, VictimState } from './scaling.js';
