// Identifiers as branded strings, so that an instance id is never passed where a task id is meant.
// Forms: ../../../docs/design/nomenclature.md. Making one (`newTaskId`, …) takes the UUID as an argument: the core has no randomness.

type Branded<Brand extends string> = string & { readonly __brand: Brand };

/** Absolute app id with a leading slash, segments as in Marathon: `/shop/web`. */
export type AppId = Branded<'AppId'>;
/** `<path>.instance-<uuid>`; path is the app id without its first slash, `/` as `_`. Stays over incarnations. */
export type InstanceId = Branded<'InstanceId'>;
/** `<path>.<uuid>`, fresh for every start (incarnation) of an instance. */
export type TaskId = Branded<'TaskId'>;
export type AgentId = Branded<'AgentId'>;
export type ProxyId = Branded<'ProxyId'>;
export type DeploymentId = Branded<'DeploymentId'>;
export type ClusterId = Branded<'ClusterId'>;
/** UTC, `yyyy-MM-ddTHH:mm:ss.SSSZ`; sorts as text. */
export type Timestamp = Branded<'Timestamp'>;

export const asAppId = (text: string): AppId => text as AppId;
export const asInstanceId = (text: string): InstanceId => text as InstanceId;
export const asTaskId = (text: string): TaskId => text as TaskId;
export const asAgentId = (text: string): AgentId => text as AgentId;
export const asProxyId = (text: string): ProxyId => text as ProxyId;
export const asDeploymentId = (text: string): DeploymentId => text as DeploymentId;
export const asClusterId = (text: string): ClusterId => text as ClusterId;

/** Milliseconds since 1970 as the text that the API shows. */
export const timestampOf = (epochMs: number): Timestamp => new Date(epochMs).toISOString() as Timestamp;
export const epochMsOf = (timestamp: Timestamp): number => Date.parse(timestamp);

/** `/shop/web` -> `shop_web`: the first part of instance and task ids. */
export const idPathOf = (app: AppId): string => app.slice(1).replaceAll('/', '_');
export const newInstanceId = (app: AppId, uuid: string): InstanceId =>
  asInstanceId(`${idPathOf(app)}.instance-${uuid}`);
export const newTaskId = (app: AppId, uuid: string): TaskId => asTaskId(`${idPathOf(app)}.${uuid}`);
