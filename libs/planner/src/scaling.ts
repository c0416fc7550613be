// Scaling (behaviour.md 4): how many to stop and to start, and who is stopped. Health plays no part in the choice;
// what may be stopped at all is the gatekeeper's question.
import type { AppSpec, InstanceId } from '#libs/model';

export interface ScaleNeeds {
  readonly toKill: number;
  /** To be launched only after the victims are gone. */
  readonly toStart: number;
}

/** `considered`: wanted instances that are not unreachable-inactive. `explicit`: how many of them a person named. */
export function scaleNeeds(considered: number, target: number, explicit = 0): ScaleNeeds {
  const toKill = Math.max(considered - target, explicit, 0);
  return { toKill, toStart: Math.max(0, target - considered + toKill) };
}

/** `waiting`: not launched (or ended and not launched again); stopping it costs nothing, so it goes first. */
export type VictimState = 'waiting' | 'unreachable' | 'staging' | 'starting' | 'running' | 'other';

export interface VictimCandidate {
  readonly id: InstanceId;
  readonly state: VictimState;
  /** Epoch ms: when it was staged, or entered its state. */
  readonly since?: number;
  /** Value of the app's first GROUP_BY constraint, when it has one. */
  readonly group?: string;
}

const STATE_ORDER: readonly VictimState[] = [
  'waiting',
  'unreachable',
  'staging',
  'starting',
  'running',
  'other',
];

/** All candidates in the order in which they are to be stopped: the named ones, then by group evenness, state and age. */
export function victimOrder(
  candidates: readonly VictimCandidate[],
  named: ReadonlySet<InstanceId>,
  killSelection: AppSpec['killSelection'],
): readonly VictimCandidate[] {
  const byState = [...candidates].sort((a, b) => compare(a, b, killSelection));
  const first = byState.filter((each) => named.has(each.id));
  const rest = byState.filter((each) => !named.has(each.id));
  return [...first, ...keepGroupsEven(rest)];
}

function compare(a: VictimCandidate, b: VictimCandidate, killSelection: AppSpec['killSelection']): number {
  const byState = STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state);
  if (byState !== 0) return byState;
  if (a.since !== b.since) {
    if (a.since === undefined) return -1;
    if (b.since === undefined) return 1;
    return killSelection === 'YOUNGEST_FIRST' ? b.since - a.since : a.since - b.since;
  }
  return a.id < b.id ? -1 : 1;
}

/** Takes each next one from a biggest group, so that groups never differ by more than before (behaviour.md 11.4). */
function keepGroupsEven(ordered: readonly VictimCandidate[]): readonly VictimCandidate[] {
  if (ordered.every((each) => each.group === undefined)) return ordered;
  const sizes = new Map<string | undefined, number>();
  for (const { group } of ordered) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const left = [...ordered];
  const result: VictimCandidate[] = [];
  while (left.length) {
    const biggest = Math.max(...left.map((each) => sizes.get(each.group) ?? 0));
    const index = left.findIndex((each) => sizes.get(each.group) === biggest);
    const [taken] = left.splice(index, 1);
    if (!taken) break;
    sizes.set(taken.group, biggest - 1);
    result.push(taken);
  }
  return result;
}
