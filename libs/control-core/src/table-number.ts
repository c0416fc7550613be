// The route table's number grows with every commit that changes what the table says (decisions.md 9): an instance's routing,
// the address of a routed task that is reached at its own, a routed definition, the shares of an app's traffic, the address or zone of
// an agent, or the reason shown while nothing answers. Whoever
// decides may raise it; this catches all others.
import { needsOwnAddress, ownAddressOf, type App, type Instance } from '#libs/model';
import type { Write } from '#libs/store';
import type { WorkingSet } from './working-set.js';

/** The write that raises the number, unless these writes raise it already or change nothing that is routed. */
export function tableWrites(writes: readonly Write[], workingSet: WorkingSet): Write[] {
  if (writes.some(({ kind }) => kind === 'set-table-number')) return [];
  const changes = workingSet.changesOf(writes);
  const rerouted = changes.instances.some(
    ({ before, after }) =>
      (before?.routing ?? 'out') !== (after?.routing ?? 'out') ||
      routedAddressOf(before) !== routedAddressOf(after),
  );
  const redefined = changes.apps.some(({ before, after }) => !before || !after || differ(before, after));
  const moved = changes.agents.some(
    ({ before, after }) =>
      before && after && (before.info.address !== after.info.address || before.info.zone !== after.info.zone),
  );
  return rerouted || redefined || moved
    ? [{ kind: 'set-table-number', number: workingSet.tableNumber + 1 }]
    : [];
}

/** Undefined while it is routed by host ports only, or not at all. */
const routedAddressOf = (instance: Instance | null): string | undefined =>
  instance && instance.routing !== 'out' && needsOwnAddress(instance) ? ownAddressOf(instance) : undefined;

const differ = (before: App, after: App): boolean =>
  before.current.version !== after.current.version ||
  before.removing !== after.removing ||
  before.traffic !== after.traffic ||
  before.lastTaskFailure !== after.lastTaskFailure;
