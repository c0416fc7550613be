// The `embed` parameter of app calls (api.md 3.2, clients.md): which parts of AppInfo a client gets.

export type AppEmbed = 'tasks' | 'counts' | 'deployments' | 'readiness' | 'lastTaskFailure' | 'taskStats';

/** What a value adds; `failures` is the deprecated bundle. */
const ADDED: Readonly<Record<string, readonly AppEmbed[]>> = {
  tasks: ['tasks', 'deployments'],
  counts: ['counts'],
  deployments: ['deployments'],
  readiness: ['readiness'],
  lastTaskFailure: ['lastTaskFailure'],
  failures: ['tasks', 'lastTaskFailure', 'deployments'],
  taskStats: ['taskStats'],
};

const ALWAYS: Readonly<Record<'list' | 'single' | 'group', readonly AppEmbed[]>> = {
  list: ['counts', 'deployments'],
  single: ['counts', 'tasks', 'lastTaskFailure', 'deployments'],
  group: [],
};

/** What is always in `/v2/apps`, plus what is asked for. Values may carry `app.`, `apps.` or `group.apps.`; unknown ones are ignored. */
export const embedsOfList = (values: readonly string[]): ReadonlySet<AppEmbed> => embeds('list', values);

/** The same for one app and for the form `/v2/apps/GROUP/*`. */
export const embedsOfSingle = (values: readonly string[]): ReadonlySet<AppEmbed> => embeds('single', values);

/** Apps inside groups: nothing but what is asked for. */
export const embedsOfGroup = (values: readonly string[]): ReadonlySet<AppEmbed> =>
  embeds(
    'group',
    values.filter((value) => value.startsWith('group.apps.')),
  );

function embeds(call: keyof typeof ALWAYS, values: readonly string[]): ReadonlySet<AppEmbed> {
  const names = values.map((value) => value.replace(/^(?:apps?|group\.apps)\./, ''));
  return new Set([
    ...ALWAYS[call],
    ...names.flatMap((name) => (Object.hasOwn(ADDED, name) ? (ADDED[name] ?? []) : [])),
  ]);
}
