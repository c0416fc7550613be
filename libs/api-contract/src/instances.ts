// `/v3` shapes that explain (promise 9): an instance with its cause and the phase of its stop, and agents.
import type { AgentId, AgentNode, Cause, Instance } from '#libs/model';
import { timestampOf } from '#libs/model';
import { presentReadiness, type ReadinessInfo } from './readiness.js';
import { presentTask, type TaskInfo, type TaskView } from './tasks.js';

export interface InstanceStory {
  readonly id: string;
  readonly appId: string;
  readonly version: string;
  readonly goal: Instance['goal'];
  readonly incarnation: number;
  readonly routing: Instance['routing'];
  readonly cause: Cause;
  readonly createdAt: string;
  readonly unreachableSince?: string;
  readonly stop?: {
    readonly phase: string;
    readonly cause: Cause;
    readonly since: string;
    readonly drainUntil?: string;
    readonly then: string;
  };
  readonly agentId?: AgentId;
  readonly handle?: string;
  /** How its last run ended. */
  readonly exit?: NonNullable<Instance['status']>['exit'];
  readonly reject?: NonNullable<Instance['status']>['reject'];
  readonly pull?: NonNullable<Instance['status']>['pull'];
  readonly isAutonomous: boolean;
  /** Its answer to the readiness check, if a deployment started it; without a ready one it is not routed. */
  readonly readiness?: ReadinessInfo;
  readonly task?: TaskInfo;
}

export function presentInstance(view: TaskView): InstanceStory {
  const { instance } = view;
  const { status, stop } = instance;
  const task = presentTask(view, { withServicePorts: true });
  const [readiness] = presentReadiness([view]);
  return {
    id: instance.id,
    appId: instance.appId,
    version: instance.version,
    goal: instance.goal,
    incarnation: instance.incarnation,
    routing: instance.routing,
    cause: instance.cause,
    createdAt: timestampOf(instance.createdAt),
    ...(instance.unreachableSince === undefined
      ? {}
      : { unreachableSince: timestampOf(instance.unreachableSince) }),
    ...(stop
      ? {
          stop: {
            phase: stop.phase,
            cause: stop.cause,
            since: timestampOf(stop.since),
            ...(stop.drainUntil === undefined ? {} : { drainUntil: timestampOf(stop.drainUntil) }),
            then: stop.then,
          },
        }
      : {}),
    ...(instance.agentId === undefined ? {} : { agentId: instance.agentId }),
    ...(status?.handle === undefined ? {} : { handle: status.handle }),
    ...(status?.exit ? { exit: status.exit } : {}),
    ...(status?.reject ? { reject: status.reject } : {}),
    ...(status?.pull ? { pull: status.pull } : {}),
    isAutonomous: status?.autonomous ?? false,
    ...(readiness ? { readiness } : {}),
    ...(task ? { task } : {}),
  };
}

/** `GET /v3/agents`. */
export interface AgentAnswer {
  readonly id: string;
  readonly hostname: string;
  readonly address: string;
  readonly liveness: AgentNode['liveness'];
  readonly since: string;
  readonly diskLow: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zone?: string;
  readonly resources: AgentNode['info']['resources'];
  readonly runtimes: readonly string[];
  readonly version: string;
  readonly warnings: readonly string[];
}

export function presentAgent({ info, liveness, since, diskLow }: AgentNode): AgentAnswer {
  return { ...info, liveness, since: timestampOf(since), diskLow };
}
