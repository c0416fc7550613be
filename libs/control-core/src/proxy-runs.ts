// Processes that report under one proxy id. After a restart the lease of the process before it is still running; and a data folder that
// was copied (an image of a machine, `cp -r`) brings two proxies with one id. What one of them confirms says nothing about the other, so
// for as long as the lease of each lasts only what all of them confirm counts (promise 2); and of two that are seen to live side by side
// the younger one is refused. Kept in memory alone: a new leader hears them anew, within a lease.
import { PROXY_LEASE_MS, type ProxyReport } from '#libs/agent-protocol';
import { failures } from '#libs/api-contract';
import type { ProxyId } from '#libs/model';

interface Run {
  readonly name: string;
  readonly leaseUntil: number;
  readonly report: ProxyReport;
  /** Reports of an older run since this one was first heard: the older one lives as well. */
  readonly crossed: number;
}
/** One may have been under way while its process was killed and the next one started. */
const CROSSED_MAX = 1;

export type Standing = Pick<ProxyReport, 'confirmed' | 'inFlight'>;

export class ProxyRuns {
  /** In the order in which they were first heard. */
  readonly #runs = new Map<ProxyId, readonly Run[]>();

  clear(): void {
    this.#runs.clear();
  }
  forget(id: ProxyId): void {
    this.#runs.delete(id);
  }

  /** What holds of the proxy once this report is taken; null: nothing of it is left. Throws `conflict` for the younger one of two. */
  standing(id: ProxyId, report: ProxyReport, now: number): Standing | null {
    const runs = this.#live(id, now);
    this.#refuseCopy(id, report, runs);
    const others = runs.filter(({ name }) => name !== report.run).map((each) => each.report);
    const all = report.leaving ? others : [...others, report];
    return all.length ? all.map(({ confirmed, inFlight }) => ({ confirmed, inFlight })).reduce(both) : null;
  }

  /** Once for each report that was taken. A proxy of an older release does not say which run it is of. */
  note(id: ProxyId, report: ProxyReport, now: number): void {
    const { run: name } = report;
    if (name === undefined) return;
    const runs = this.#live(id, now);
    const place = runs.findIndex((each) => each.name === name);
    const taken: Run = {
      ...{ name, report, leaseUntil: now + PROXY_LEASE_MS },
      crossed: runs[place]?.crossed ?? 0,
    };
    const after =
      place < 0
        ? [...runs, taken]
        : runs.map((each, index) => {
            if (index === place) return taken;
            return index > place ? { ...each, crossed: each.crossed + 1 } : each;
          });
    const left = report.leaving ? after.filter((each) => each !== taken) : after;
    if (left.length) this.#runs.set(id, left);
    else this.#runs.delete(id);
  }

  #live(id: ProxyId, now: number): readonly Run[] {
    return (this.#runs.get(id) ?? []).filter(({ leaseUntil }) => leaseUntil > now);
  }

  #refuseCopy(id: ProxyId, report: ProxyReport, runs: readonly Run[]): void {
    const place = runs.findIndex(({ name }) => name === report.run);
    const [own, older] = [runs[place], runs[place - 1]];
    if (!own || !older || own.crossed <= CROSSED_MAX) return;
    throw failures.conflict(
      `Two proxies report as ${id}: this one, ${report.address}, and one that was there before it, ${older.report.address}. ` +
        'Its data folder is a copy of the other. Stop this proxy, delete identity.json in its --data-dir, and start it again.',
    );
  }
}

/** No more than each of them confirms; in flight is what is so at either. */
function both(one: Standing, other: Standing): Standing {
  const inFlight = { ...one.inFlight };
  for (const [task, count] of Object.entries(other.inFlight)) inFlight[task] = (inFlight[task] ?? 0) + count;
  return { confirmed: isBefore(one.confirmed, other.confirmed) ? one.confirmed : other.confirmed, inFlight };
}

const isBefore = (one: Standing['confirmed'], other: Standing['confirmed']): boolean =>
  one.epoch === other.epoch ? one.number < other.number : one.epoch < other.epoch;
