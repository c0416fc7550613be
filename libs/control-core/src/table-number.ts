// The route table's number grows with every commit that changes what the table says (decisions.md 9): an instance's routing,
// the address of a routed task that is reached at its own, a routed definition, or the reason shown while nothing answers. Whoever
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
  return rerouted || redefined ? [{ kind: 'set-table-number', number: workingSet.tableNumber + 1 }] : [];
}

/** Undefined while it is routed by host ports only, or not at all. */
const routedAddressOf = (instance: Instance | null): string | undefined =>
  instance && instance.routing !== 'out' && needsOwnAddress(instance) ? ownAddressOf(instance) : undefined;

const differ = (before: App, after: App): boolean =>
  before.current.version !== after.current.version ||
  before.removing !== after.removing ||
  before.lastTaskFailure !== after.lastTaskFailure;
