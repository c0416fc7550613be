// Processes that report under one proxy id. After a restart the lease of the process before it is still running; and a data folder that
// was copied (an image of a machine, `cp -r`) brings two proxies with one id. What one of them confirms says nothing about the other, so
// for as long as the lease of each lasts only what all of them confirm counts (promise 2); and of two that are seen to live side by side
// the younger one is refused, for as long as the older one lives: its last lease ends, and it gets no new one that would hold back stops.
// A process that has asked for tables and not reported yet is one of them, too: it may route by what it is sent.
// Kept in memory alone: a new leader hears them anew, within a lease.
import { PROXY_LEASE_MS, type ProxyReport, type RoutesAsker } from '#libs/agent-protocol';
import { failures } from '#libs/api-contract';
import type { ProxyId, ProxyNode } from '#libs/model';

interface Run {
  readonly name: string;
  readonly leaseUntil: number;
  /** Its last one; of one that has only asked what it said of itself then. */
  readonly report: ProxyReport;
  /** False: it has only asked for tables so far, and what is in flight at it is not known. */
  readonly hasReported: boolean;
  /** Reports of an older run since this one was first heard: the older one lives as well. */
  readonly crossed: number;
}
/** One may have been under way while its process was killed and the next one started. */
const CROSSED_MAX = 1;
/** Per proxy id. Of more than these the one that was silent for longest is forgotten: it costs a lease to find out again. */
const REFUSED_MAX = 16;
/** Of all proxies. Their names matter for as long as something that they have sent may still be on its way. */
const LEFT_MAX = 256;

export type Standing = Pick<ProxyReport, 'confirmed' | 'inFlight'>;

/** Of a proxy id. */
export interface StandingOfAll extends Standing {
  /** Says what it is and where: of the process that is taken for the proxy. */
  readonly shown: ProxyReport;
  /** One of them has not said yet what is in flight. */
  readonly isUnheard: boolean;
  readonly leaseUntil: number;
}

export class ProxyRuns {
  /** In the order in which they were first heard. */
  readonly #runs = new Map<ProxyId, readonly Run[]>();
  /** Names of those that were found to be the younger of two, the last heard one last. */
  readonly #refused = new Map<ProxyId, readonly string[]>();
  /** Names of those that have left for good, the last one last. */
  #left: readonly string[] = [];
  /** Where those were that the leader before this one took; until their leases end. */
  #before: { readonly addresses: ReadonlyMap<ProxyId, string>; readonly until: number } | undefined;

  /** A leader takes office: who was there is known from the stored proxies alone. */
  startAnew(stored: Iterable<Pick<ProxyNode, 'id' | 'address'>>, now: number): void {
    this.#runs.clear();
    this.#refused.clear();
    const addresses = new Map([...stored].map(({ id, address }) => [id, address]));
    this.#before = { addresses, until: now + PROXY_LEASE_MS };
  }
  /** Leases that lasted at that time do so until this one. */
  renew(lastedAt: number, leaseUntil: number): void {
    for (const [id, runs] of this.#runs)
      this.#runs.set(
        id,
        runs.map((each) => (each.leaseUntil > lastedAt ? { ...each, leaseUntil } : each)),
      );
  }
  forget(id: ProxyId): void {
    this.#runs.delete(id);
    this.#refused.delete(id);
  }

  /** What holds of the proxy once this report is taken; null: nothing of it is left. Throws `conflict` for the younger one of two. */
  standing(id: ProxyId, report: ProxyReport, now: number): StandingOfAll | null {
    const runs = this.#live(id, now);
    if (!report.leaving) this.#refuseCopy(id, report, runs);
    const others = runs.filter(({ name }) => name !== report.run);
    const all = [...others, ...(report.leaving ? [] : [{ report, hasReported: true }])];
    if (all.length === 0) return null;
    const last = report.leaving ? (lastHeard(this.#accepted(id, others)) ?? lastHeard(others)) : undefined;
    return {
      ...togetherOf(all),
      shown: last?.report ?? report,
      leaseUntil: last?.leaseUntil ?? now + PROXY_LEASE_MS,
    };
  }

  /** What holds of the proxy once this process of it may be sent tables; null: it gets no lease, for it is refused or has left. */
  standingOfAsker(id: ProxyId, asked: ProxyReport, now: number): StandingOfAll | null {
    const { run: name } = asked;
    const runs = this.#live(id, now);
    if (this.hasLeft(name) || this.#olderThan(id, name, runs).length > 0) return null;
    const others = runs.filter((each) => each.name !== name);
    // what it has reported is newer than a question that was on its way for long
    const own = runs.find((each) => each.name === name) ?? { report: asked, hasReported: false };
    return { ...togetherOf([...others, own]), shown: own.report, leaseUntil: now + PROXY_LEASE_MS };
  }

  /** Once for each question that got a lease. It is no sign of a copy: it may be sent at the same time as a report. */
  noteAsker(id: ProxyId, asked: ProxyReport, now: number): void {
    const { run: name } = asked;
    if (name === undefined) return;
    this.#takeBack(id, name);
    const runs = this.#live(id, now);
    const leaseUntil = now + PROXY_LEASE_MS;
    const isKnown = runs.some((each) => each.name === name);
    this.#runs.set(
      id,
      isKnown
        ? runs.map((each) => (each.name === name ? { ...each, leaseUntil } : each))
        : this.#withNew(id, { name, report: asked, hasReported: false, leaseUntil, crossed: 0 }, runs, now),
    );
  }

  /** It said so; what of it comes after that was on its way for long. */
  hasLeft(name: string | undefined): boolean {
    return name !== undefined && this.#left.includes(name);
  }

  /** Once for each report that was taken. A proxy of an older release does not say which run it is of. */
  note(id: ProxyId, report: ProxyReport, now: number): void {
    const { run: name } = report;
    if (name === undefined) return;
    this.#takeBack(id, name);
    const runs = this.#live(id, now);
    const place = runs.findIndex((each) => each.name === name);
    const taken: Run = {
      ...{ name, report, hasReported: true, leaseUntil: now + PROXY_LEASE_MS },
      crossed: runs[place]?.crossed ?? 0,
    };
    const after = place < 0 ? this.#withNew(id, taken, runs, now) : runs.map(crossedBy(taken, place));
    const left = report.leaving ? after.filter((each) => each !== taken) : after;
    if (report.leaving && !this.hasLeft(name)) this.#left = [...this.#left, name].slice(-LEFT_MAX);
    if (left.length) this.#runs.set(id, left);
    else this.#runs.delete(id);
    // nobody is left that it could be a copy of
    if (this.#accepted(id, left).length === 0) this.#refused.delete(id);
  }

  /** The one that the leader before this one took was there before those that this one has heard meanwhile. */
  #withNew(id: ProxyId, taken: Run, runs: readonly Run[], now: number): readonly Run[] {
    const address = now < (this.#before?.until ?? 0) ? this.#before?.addresses.get(id) : undefined;
    const wasThere =
      taken.report.address === address && !runs.some((each) => each.report.address === address);
    return wasThere ? [taken, ...runs] : [...runs, taken];
  }

  #live(id: ProxyId, now: number): readonly Run[] {
    return (this.#runs.get(id) ?? []).filter(({ leaseUntil }) => leaseUntil > now);
  }

  #accepted(id: ProxyId, runs: readonly Run[]): readonly Run[] {
    const refused = this.#refused.get(id);
    return refused ? runs.filter(({ name }) => !refused.includes(name)) : runs;
  }

  #takeBack(id: ProxyId, name: string): void {
    const left = (this.#refused.get(id) ?? []).filter((each) => each !== name);
    if (left.length) this.#refused.set(id, left);
    else this.#refused.delete(id);
  }

  #refuseCopy(id: ProxyId, report: ProxyReport, runs: readonly Run[]): void {
    const { run: name } = report;
    const older = lastHeard(this.#olderThan(id, name, runs));
    if (name === undefined || !older) return;
    this.#takeBack(id, name);
    this.#refused.set(id, [...(this.#refused.get(id) ?? []), name].slice(-REFUSED_MAX));
    // no new lease; but what it confirms while the last one lasts need not be waited for any more
    this.#runs.set(
      id,
      (this.#runs.get(id) ?? []).map((each) =>
        each.name === name ? { ...each, report, hasReported: true } : each,
      ),
    );
    throw failures.conflict(
      `Two proxies report as ${id}: this one, ${placeOf(report)}, and one that was there before it, ${placeOf(older.report)}. ` +
        'Its data folder is a copy of the other. Stop this proxy, delete identity.json in its --data-dir, and start it again.',
    );
  }

  /** Those that it lives beside; none: it is taken. Who was refused once is so for as long as any other one is taken. */
  #olderThan(id: ProxyId, name: string | undefined, runs: readonly Run[]): readonly Run[] {
    if (name !== undefined && this.#refused.get(id)?.includes(name))
      return this.#accepted(id, runs).filter((each) => each.name !== name);
    const place = runs.findIndex((each) => each.name === name);
    if ((runs[place]?.crossed ?? 0) <= CROSSED_MAX) return [];
    return this.#accepted(id, runs.slice(0, place));
  }
}

/** Two hosts may give the same address, such as one of the loopback. */
const placeOf = ({ address, about }: ProxyReport): string =>
  about ? `${address} on ${about.host}` : address;

/** Every run that came after the one at `place` has seen it report once more. */
const crossedBy =
  (taken: Run, place: number) =>
  (each: Run, index: number): Run => {
    if (index === place) return taken;
    return index > place ? { ...each, crossed: each.crossed + 1 } : each;
  };

const lastHeard = (runs: readonly Run[]): Run | undefined =>
  runs.reduce<Run | undefined>((a, b) => (a && a.leaseUntil >= b.leaseUntil ? a : b), undefined);

/** What a process that asks for tables says of itself, as if it had reported: no more than that. */
export const asReport = (
  { run, address }: RoutesAsker,
  { epoch, confirmed }: Pick<ProxyReport, 'epoch' | 'confirmed'>,
): ProxyReport => ({
  ...{ cluster: null, address, run, epoch, confirmed },
  ...{ inFlight: {}, warnings: [], leaving: false },
});

/** At least one. */
const togetherOf = (
  all: readonly Pick<Run, 'report' | 'hasReported'>[],
): Standing & { isUnheard: boolean } => ({
  ...all.map(({ report: { confirmed, inFlight } }) => ({ confirmed, inFlight })).reduce(both),
  isUnheard: all.some(({ hasReported }) => !hasReported),
});

/** No more than each of them confirms; in flight is what is so at either. */
function both(one: Standing, other: Standing): Standing {
  const inFlight = { ...one.inFlight };
  for (const [task, count] of Object.entries(other.inFlight)) inFlight[task] = (inFlight[task] ?? 0) + count;
  return { confirmed: isBefore(one.confirmed, other.confirmed) ? one.confirmed : other.confirmed, inFlight };
}

const isBefore = (one: Standing['confirmed'], other: Standing['confirmed']): boolean =>
  one.epoch === other.epoch ? one.number < other.number : one.epoch < other.epoch;
