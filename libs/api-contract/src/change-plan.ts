// What a change would do, as a dry run and `POST /v3/plan` tell it: which members of which apps change, and what the control plane has
// foreseen of carrying it out. Nothing is decided here; values that may be secrets are kept back unless they are asked for.
import {
  showApp,
  type AgentId,
  type AppChange,
  type AppId,
  type AppVersion,
  type GroupChange,
  type InstanceId,
  type UpgradeStrategy,
} from '#libs/model';
import { changesBetween, type MemberChange } from './app-history.js';

/** cpus; mem and disk in MiB; instances: tasks. */
export interface PlannedAmounts {
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
  readonly instances: number;
}

export interface PlannedStart {
  readonly appId: AppId;
  readonly agentId: AgentId;
  readonly hostname: string;
  /** How many of them. */
  readonly instances: number;
  /** Of each, in the order of the definition: the host port that it asks for, or null for any free one. */
  readonly ports: readonly (number | null)[];
}

export interface PlannedStop {
  readonly appId: AppId;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly instanceIds: readonly InstanceId[];
}

/** What happens before anything that it starts has come up or anything that it stops has ended. */
export interface PlannedWave {
  /** Of the deployment, from 1. */
  readonly step: number;
  readonly starts: readonly PlannedStart[];
  readonly stops: readonly PlannedStop[];
  /** False: which of several instances is ready or gone first may change the agents, and how this is spread over waves. */
  readonly certain: boolean;
}

export interface PlannedApp {
  readonly appId: AppId;
  /** Tasks that are started, and that are stopped, in all. */
  readonly starts: number;
  readonly stops: number;
  /** Healthy and routed instances that every stop leaves: the promise. */
  readonly floor: number;
  /** The least number of healthy and routed instances on the way; what it begins with counts. */
  readonly leastHealthy: number;
  /** The most tasks of it at one time, old and new together. */
  readonly instancesAtMost: number;
}

export interface PlannedAgent {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly starts: number;
  readonly stops: number;
  readonly total: Omit<PlannedAmounts, 'instances'>;
  readonly now: PlannedAmounts;
  /** Each amount at its highest. */
  readonly peak: PlannedAmounts;
  readonly after: PlannedAmounts;
}

export interface PlanProblem {
  readonly appId: AppId;
  /** So many of it find no place. */
  readonly instances: number;
  readonly text: string;
  /** Why not there, with what is missing. */
  readonly agents: readonly {
    readonly agentId: AgentId;
    readonly hostname: string;
    readonly reasons: readonly { readonly reason: string; readonly text: string }[];
  }[];
}

/** How a change goes if every task comes up healthy and nothing else changes meanwhile. */
export interface Foreseen {
  readonly outcome: {
    /** `unknown`: too large to be foreseen in full; what is told is how it begins. */
    readonly kind: 'succeeds' | 'fails' | 'unknown';
    readonly text: string;
    /** Time that rules alone take (launch delays, minimum times, deadlines), without starting, pulling and draining. */
    readonly seconds: number;
    /** Only when it fails: then it is taken back by itself. */
    readonly rolledBack?: boolean;
  };
  /** Is there room for all of it, at every moment? Null: unknown. */
  readonly fits: boolean | null;
  readonly waves: readonly PlannedWave[];
  readonly apps: readonly PlannedApp[];
  /** Those that get or lose something. */
  readonly agents: readonly PlannedAgent[];
  /**
   * The most that is used beyond what is used now, over all agents together; each amount at its highest. Of a plan that is not certain in
   * all waves: when everything comes up and ends together.
   */
  readonly peak: PlannedAmounts;
  readonly problems: readonly PlanProblem[];
  /** Instances that find a place only after others have stopped: it goes through, more slowly. */
  readonly waitsForRoom: readonly { readonly appId: AppId; readonly instances: number }[];
  /** Only when it does not fit: the same change with this `upgradeStrategy` for the apps that find no place does. */
  readonly fitsWith?: UpgradeStrategy & { readonly apps: readonly AppId[] };
  /** Apps that are not part of it and are not at rest: where they go, and what they leave, is counted as if they came up well. */
  readonly alsoMoving: readonly AppId[];
}

export interface ShownChange extends MemberChange {
  /** `before` and `after` are kept back, for they may be secrets. */
  readonly hidden?: true;
}

export interface AppDiff {
  readonly appId: AppId;
  /** `replaced`: every instance is; `scaled`: those that stay are not touched. */
  readonly effect: 'created' | 'removed' | 'replaced' | 'scaled' | 'redefined' | 'unchanged';
  readonly instances: { readonly before: number; readonly after: number };
  /** Members that differ; none of an app that comes or goes as a whole. */
  readonly changes: readonly ShownChange[];
}

export interface GroupDiff {
  readonly groupId: string;
  readonly effect: 'created' | 'removed' | 'changed';
  readonly changes: readonly MemberChange[];
}

export interface ChangePlan extends Foreseen {
  readonly diff: { readonly apps: readonly AppDiff[]; readonly groups: readonly GroupDiff[] };
  /** What of the changed definitions would have no effect, and what other apps would lose by them. Absent: a server of an older release. */
  readonly warnings?: readonly { readonly appId: string; readonly text: string }[];
}

export interface PlanOptions {
  /** Show values of the environment. */
  readonly showEnv: boolean;
}

export const presentDiff = (
  changes: readonly AppChange[],
  groupChanges: readonly GroupChange[],
  options: PlanOptions,
): ChangePlan['diff'] => ({
  apps: changes.map((change) => appDiff(change, options)),
  groups: groupChanges.map(groupDiff),
});

function appDiff({ appId, before, after }: AppChange, { showEnv }: PlanOptions): AppDiff {
  const instances = { before: before?.spec.instances ?? 0, after: after?.spec.instances ?? 0 };
  const members = before && after ? changesBetween(comparable(before), comparable(after)) : [];
  const changes = showEnv ? members : members.map(withoutSecrets);
  return { appId, effect: effectOf(before, after), instances, changes };
}

function effectOf(before: AppVersion | null, after: AppVersion | null): AppDiff['effect'] {
  if (!after) return 'removed';
  if (!before) return 'created';
  if (before.version === after.version) return 'unchanged';
  if (before.lastConfigChangeAt === after.lastConfigChangeAt) {
    return before.spec.instances === after.spec.instances ? 'redefined' : 'scaled';
  }
  // without instances there is nothing to replace
  return before.spec.instances || after.spec.instances ? 'replaced' : 'redefined';
}

/** As shown, but that a first or last variable is told by its name like every other. */
const comparable = ({ spec }: AppVersion): object => ({ ...showApp(spec), env: spec.env });

function groupDiff({ groupId, before, after }: GroupChange): GroupDiff {
  const effect = !before ? 'created' : !after ? 'removed' : 'changed';
  return { groupId, effect, changes: before && after ? changesBetween(before, after) : [] };
}

const HIDDEN = '(hidden)';
/** Where people put secrets: the environment, and what is handed to the engine as it is (`env`, `label`, logging options with keys). */
const SECRET_PATH = /^\/(env|container\/docker\/parameters)([/(]|$)/;
const CREDENTIALS_IN_URL = /([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi;

function withoutSecrets({ path, ...values }: MemberChange): ShownChange {
  const [before, after] = [veiled(values.before, path), veiled(values.after, path)];
  const isHidden = before.hidden || after.hidden;
  return {
    path,
    ...('before' in values ? { before: before.value } : {}),
    ...('after' in values ? { after: after.value } : {}),
    ...(isHidden ? { hidden: true } : {}),
  };
}

interface Veiled {
  readonly value: unknown;
  readonly hidden: boolean;
}

function veiled(value: unknown, path: string): Veiled {
  if (value === undefined) return { value, hidden: false };
  if (SECRET_PATH.test(path)) return { value: HIDDEN, hidden: true };
  if (typeof value === 'string') {
    const open = value.replace(CREDENTIALS_IN_URL, `$1${HIDDEN}@`);
    return { value: open, hidden: open !== value };
  }
  if (typeof value !== 'object' || value === null) return { value, hidden: false };
  const inner = Object.entries(value).map(
    ([name, each]) =>
      [name, veiled(each, Array.isArray(value) ? `${path}(${name})` : `${path}/${name}`)] as const,
  );
  const hidden = inner.some(([, each]) => each.hidden);
  const open = inner.map(([name, each]) => [name, each.value] as const);
  return { value: Array.isArray(value) ? open.map(([, each]) => each) : Object.fromEntries(open), hidden };
}
