// Both brakes as they are now, for people and for metrics: what was counted, what is on since when, what is held by it, and what ends
// it. Reads only; the brakes themselves are in libs/reconciler (instances) and agent-registry.ts (hosts).
import { failedCheck } from '#libs/lifecycle';
import { counted } from '#libs/model';
import type { AgentId, App, AppBrake, AppId, InstanceId } from '#libs/model';
import {
  calmMs,
  isHeldByBrake,
  largestWave,
  threshold,
  type BrakeSettings,
  type HealthCounts,
} from '#libs/reconciler';
import type { ActiveAlarm } from './alarms.js';
import type { WorkingSet } from './working-set.js';

export interface BrakeCounts {
  /** Instances whose health is known to be good. */
  readonly healthy: number;
  /** Known to be bad, after they were healthy. */
  readonly unhealthy: number;
  /** The most of those that turned unhealthy within one window. */
  readonly together: number;
  /** How many of them turn the brake on; null: it is switched off. */
  readonly needed: number | null;
}

export interface HeldInstance {
  readonly instanceId: InstanceId;
  readonly taskId?: string;
  readonly agentId?: AgentId;
  /** Why it would be killed. */
  readonly text: string;
}

export interface AppBrakeState extends BrakeCounts {
  readonly appId: AppId;
  /** Absent: off. */
  readonly brake?: AppBrake;
  /** Instances that would be killed for their health. */
  readonly holds: readonly HeldInstance[];
  /** How long it stays on after too few are left; milliseconds. */
  readonly calmMs: number;
}

export interface FleetBrakeState extends BrakeCounts {
  readonly isOn: boolean;
  /** Since when the first app is held. */
  readonly since?: number;
}

export const countsOf = (health: HealthCounts, settings: BrakeSettings): BrakeCounts => {
  const together = largestWave(health.turnedUnhealthyAt, settings.windowMs)?.size ?? 0;
  const needed = threshold(health.healthy + together, settings);
  return {
    healthy: health.healthy,
    unhealthy: health.turnedUnhealthyAt.length,
    together,
    needed: Number.isFinite(needed) ? needed : null,
  };
};

const NOTHING: HealthCounts = { healthy: 0, turnedUnhealthyAt: [] };

/** Apps that have health checks, or whose brake is on, in the order of their ids. */
export function appBrakes(state: WorkingSet, only?: AppId): readonly AppBrakeState[] {
  return state
    .appsInOrder()
    .filter((app) => only === undefined || app.id === only)
    .filter((app) => !app.removing && (app.brake !== undefined || app.current.spec.healthChecks.length > 0))
    .map((app) => appBrake(app, state));
}

function appBrake(app: App, state: WorkingSet): AppBrakeState {
  const settings = state.settings.brake;
  const instances = state.instancesOf(app.id);
  const versions = [...new Set(instances.map((each) => state.versionOf(each)))];
  return {
    appId: app.id,
    ...(app.brake ? { brake: app.brake } : {}),
    ...countsOf(state.healthCounts().get(app.id) ?? NOTHING, settings),
    holds: instances.flatMap((each): HeldInstance[] => {
      const version = state.versionOf(each);
      const failed = isHeldByBrake(app, each, version) ? failedCheck(each, version) : null;
      if (!failed) return [];
      const why = failed.result.lastFailureCause ?? 'no answer';
      return [
        {
          instanceId: each.id,
          ...(each.taskId === undefined ? {} : { taskId: each.taskId }),
          ...(each.agentId === undefined ? {} : { agentId: each.agentId }),
          text: `its health check failed ${counted(failed.result.consecutiveFailures, 'time')}: ${why}`,
        },
      ];
    }),
    calmMs: calmMs(versions, settings),
  };
}

/** Cheap: for metrics, too. */
export function fleetBrakeState(state: WorkingSet): FleetBrakeState {
  const { counts, wave } = state.fleetBrake;
  const since = [...state.apps.values()].flatMap(({ brake }) => (brake ? [brake.since] : []));
  return {
    isOn: wave !== null,
    ...(wave && since.length ? { since: Math.min(...since) } : {}),
    ...countsOf(counts, state.settings.brake),
  };
}

export interface HostBrakeState {
  readonly isOn: boolean;
  readonly since?: number;
  /** Not declared lost. */
  readonly agents: number;
  /** Of those: not heard for as long as ends a session. While the brake is on, none of them is declared lost. */
  readonly silent: readonly { readonly id: AgentId; readonly hostname: string; readonly silentMs: number }[];
}

export const HOST_BRAKE_ALARM = 'host-brake';

export function hostBrakeState(
  state: WorkingSet,
  alarms: readonly ActiveAlarm[],
  silent: HostBrakeState['silent'],
): HostBrakeState {
  const alarm = alarms.find(({ id }) => id === HOST_BRAKE_ALARM);
  return {
    isOn: alarm !== undefined,
    ...(alarm ? { since: alarm.since } : {}),
    agents: [...state.agents.values()].filter(({ liveness }) => liveness !== 'lost').length,
    silent,
  };
}
