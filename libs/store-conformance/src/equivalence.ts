// Two stores given the same commits must answer the same and hold the same rows.
import { expect } from '@jest/globals';
import { asAppId, asInstanceId, type Reason } from '#libs/model';
import type { Commit, Store, StoredReason } from '#libs/store';

export async function expectSameBehaviour(
  one: Store,
  other: Store,
  commits: readonly Commit[],
): Promise<void> {
  for (const commit of commits) expect(await one.commit(commit)).toEqual(await other.commit(commit));
  expect(await seen(one)).toEqual(await seen(other));
}

/** Everything readable, in an order of its own: stores promise none for `load`. */
async function seen(store: Store): Promise<object> {
  const state = await store.load();
  return {
    ...state,
    apps: sorted(state.apps),
    groups: sorted(state.groups),
    versions: sorted(state.versions),
    instances: sorted(state.instances),
    deployments: sorted(state.deployments),
    agents: sorted(state.agents),
    proxies: sorted(state.proxies),
    stored: [await store.versions(asAppId('/web')), await store.versions(asAppId('/api'))],
    history: await store.history(100),
    events: await store.eventsAfter(0, 1000),
    reasons: await Promise.all(
      ['i-1', 'i-2', 'i-3'].map(async (id) => (await store.reasonsOf(asInstanceId(id))).map(unnumbered)),
    ),
    reasonsOfApp: (await store.reasonsOfApp(asAppId('/web'), { limit: 1000 })).map(unnumbered),
  };
}

/** Numbers may have gaps, so two stores may differ in them. */
const unnumbered = ({ number: _, ...reason }: StoredReason): Reason => reason;

const sorted = (rows: readonly object[]): string[] => rows.map((row) => stable(row)).sort();

/** JSON with sorted keys. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([left], [right]) => (left < right ? -1 : 1)))
      : each,
  );
}
