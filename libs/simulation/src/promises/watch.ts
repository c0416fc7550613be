// What a promise is checked with: the facts of the simulated world, not what the product believes. Each watcher is told of the events
// that can break its promise, and looks at what that event touched.
import type { FromAgent, ToAgent } from '#libs/agent-protocol';
import type { WorkingSet, Touched } from '#libs/control-core';
import type { AppId, DeploymentAction, Instance, TaskId } from '#libs/model';
import type { RouteService, RouteTable } from '#libs/routing';
import type { Commit } from '#libs/store';

/** A promise that was broken ends the run. */
export class PromiseBroken extends Error {
  override readonly name = 'PromiseBroken';
  constructor(
    readonly rule: string,
    message: string,
  ) {
    super(message);
  }
}

/** A task as it really is, whenever a member is read. */
export interface TaskFact {
  readonly taskId: TaskId;
  readonly appId: AppId;
  readonly instanceId: string;
  readonly incarnation: number;
  readonly host: string;
  readonly hostPorts: readonly number[];
  readonly isAlive: boolean;
  /** It has passed its checks once, or accepted connections when it has none; and its readiness check, if it was asked. */
  readonly wasReady: boolean;
  /** Would pass its checks now, if the checker does not lie. */
  readonly isWell: boolean;
  /** True times, epoch ms; null: not yet. */
  readonly runningAt: number | null;
  readonly endedAt: number | null;
  /** A request that comes now is answered, be it with 500. */
  readonly isAnswering: boolean;
}

/** A request in flight to a task. */
export interface FlightFact {
  readonly taskId: TaskId;
  /** True time, epoch ms. */
  readonly since: number;
}

/** A proxy as it really is. */
export interface ProxyFact {
  readonly id: string;
  /** Runs, and not frozen; a frozen one is alive as well. */
  readonly isAlive: boolean;
  /** What new requests are matched with; null before its first. */
  readonly table: RouteTable | null;
  /** When a control plane took its newest report, or sent it a table because it asked; true time. */
  readonly heardAt: number;
  /** Since when it has been heard again and again before its lease ended; true time. */
  readonly leasedSince: number;
  /** When it last began to ask a control plane for news; true time. */
  readonly askedAt: number;
  readonly inFlight: readonly FlightFact[];
}

export interface CommitFact {
  readonly commit: Commit;
  /** Name of the process. */
  readonly by: string;
  readonly touched: Touched;
}

/** The whole world, for watchers. */
export interface World {
  /** True time, epoch ms. */
  readonly now: number;
  readonly stored: WorkingSet;
  /** What the leader believes is stored; null while nobody leads. */
  readonly believed: WorkingSet | null;
  readonly proxies: readonly ProxyFact[];
  /** All tasks that run or may, of all hosts. */
  tasks(): readonly TaskFact[];
  task(id: TaskId): TaskFact | undefined;
  /** What the proxy sends gets to this host, and back. */
  reaches(proxy: string, host: string): boolean;
  /** How far the clocks of two processes may be apart at the end of the run, ms. */
  readonly clockErrorMs: number;
  /** True time since which some control plane leads; null while none does. */
  readonly ledSince: number | null;
  /** Ms for which nobody led, from the start of the run. */
  readonly leaderlessMs: number;
}

/** All members are optional but the name; `this world` is the one after the event. */
export interface Watcher {
  readonly rule: string;
  /** Accepted by the store, and not yet to be seen in `world.stored`. */
  committing?(commit: Commit, world: World): void;
  committed?(fact: CommitFact, world: World): void;
  /** The store refused it because of this. */
  conflicted?(reason: string, world: World): void;
  swapped?(proxy: ProxyFact, before: RouteTable | null, world: World): void;
  launching?(task: TaskFact, world: World): void;
  stopAsked?(task: TaskFact, world: World): void;
  /** A proxy matches a request with the table that it has, without asking for a newer one. */
  routedAtOnce?(proxy: ProxyFact, world: World): void;
  /** A target was chosen for a request to an app whose traffic is shared by weights. */
  chose?(choice: ChoiceFact, world: World): void;
  /** A connect of this proxy to the task failed, or an answer broke off. */
  missed?(proxy: string, task: TaskId, world: World): void;
  /** A request that ended. */
  answered?(request: RequestFact, world: World): void;
  heard?(agent: string, frame: FromAgent, epoch: number | null, world: World): void;
  /** An agent has taken assignments of a session of this epoch and confirms them. */
  followed?(agent: string, epoch: number, world: World): void;
  said?(agent: string, frame: ToAgent, epoch: number | null, world: World): void;
  /** A control plane logged an error. */
  erred?(process: string, fields: object, text: string, world: World): void;
  /** A change by a person was answered with success. */
  acknowledged?(change: AcknowledgedChange, world: World): void;
  /** Each simulated second. */
  swept?(world: World): void;
  /** After the quiet time. */
  ended?(world: World): void;
}

/** What watchers are told of. */
export type WatchedEvent = Exclude<keyof Watcher, 'rule'>;

export interface AcknowledgedChange {
  readonly app: AppId;
  /** Null: it was removed. */
  readonly version: string | null;
}

/** Told before the connect: what the proxy knew then. */
export interface ChoiceFact {
  readonly proxy: string;
  /** Of the table in use. */
  readonly service: RouteService;
  /** Its number. */
  readonly table: number;
  readonly taskId: TaskId;
  /** Of this request, before. */
  readonly tried: ReadonlySet<TaskId>;
  /** The version, by the name of its share, that a pin names. */
  readonly pinned: string | undefined;
}

/** A target that was asked and did not answer. */
export interface TryFact {
  readonly taskId: TaskId;
  /** No connection, at once or after a wait; or a connection that broke, or on which nothing came for minutes. */
  readonly how: 'refused' | 'timed-out' | 'broke' | 'silent';
}

export interface RequestFact {
  readonly proxy: string;
  readonly appId: AppId;
  readonly portIndex: number;
  /** Another target may be asked after one has seen it: it may be done twice, and nothing of an answer has come. */
  readonly mayRepeat: boolean;
  /** Null: no target. */
  readonly taskId: TaskId | null;
  readonly since: number;
  readonly result: 'answered' | 'no-target' | 'refused' | 'reset' | 'wrong-app';
  readonly text: string;
  /** In order; nobody is asked twice. */
  readonly missed: readonly TryFact[];
}

/** What a commit begins to stop. */
export const newStops = ({ touched }: CommitFact): readonly { before: Instance; after: Instance }[] =>
  touched.instances.flatMap(({ before, after }) =>
    before && after?.stop && !before.stop ? [{ before, after }] : [],
  );

/** What the step under way of its deployment does with this app. */
export function actionOf(id: AppId, stored: World['stored']): DeploymentAction | undefined {
  const deployment = stored.deploymentOf(id);
  return deployment?.steps[deployment.currentStep - 1]?.actions.find((each) => each.app === id);
}

/** Scaling, unlike this, takes its victims by kill selection, whatever their version. */
export const isReplaced = (id: AppId, stored: World['stored']): boolean =>
  actionOf(id, stored)?.action === 'RestartApplication';

export function broken(rule: string, text: string): never {
  throw new PromiseBroken(rule, text);
}
