// Proxies and their leases (decisions.md 10). A report renews the lease for 10 s; so does a question for tables, for whoever is sent one
// routes by it before its next report arrives. Both go through the lane: what was decided before is in the table that is sent, and what is
// decided after it waits for this proxy. What a stream carries later renews none, for it says nothing of who reads it. Stored is what a new leader must know:
// that the proxy exists, where, and which table it confirmed; leases and in-flight counts move in memory alone.
import { failures } from '#libs/api-contract';
import {
  PROXY_LEASE_MS,
  type ProxyReport,
  type ProxyReportAnswer,
  type RoutesAsker,
} from '#libs/agent-protocol';
import { asProxyId, type AppId, type ClusterId, type ProxyId, type ProxyNode } from '#libs/model';
import type { Clock } from '#libs/time';
import type { Lane } from './lane.js';
import { asReport, ProxyRuns, type StandingOfAll } from './proxy-runs.js';
import { TrafficMeter } from './traffic-meter.js';
import type { WorkingSet } from './working-set.js';

export interface ProxyRegistryParts {
  readonly lane: Lane;
  readonly clock: Clock;
  readonly cluster: ClusterId;
  /** What is known now; null: nothing. */
  readonly state: () => WorkingSet | null;
  /** Leases or in-flight counts moved: stops may go on. */
  readonly moved: () => void;
  /** Is there a service of this id that is no app's own: a deployment group? Absent: there is none. */
  readonly hasGroup?: (workingSet: WorkingSet, id: string) => boolean;
}

export class ProxyRegistry {
  /** What they measured. */
  readonly traffic = new TrafficMeter();
  readonly #parts: ProxyRegistryParts;
  readonly #runs = new ProxyRuns();
  /** Since when each has confirmed the table that it has; as far as this process has seen. */
  readonly #confirmedSince = new Map<ProxyId, number>();

  constructor(parts: ProxyRegistryParts) {
    this.#parts = parts;
  }

  /**
   * Into a working set just loaded. Leases start anew with an office, for nobody's could be renewed while there was no leader;
   * within one office (`before`: loaded anew after a conflict) they go on.
   */
  takeOffice(workingSet: WorkingSet, now: number, before: WorkingSet | null): void {
    if (!before) this.#runs.startAnew(workingSet.proxies.values(), now);
    for (const proxy of workingSet.proxies.values()) {
      const known = before?.proxies.get(proxy.id);
      const { isUnheard: _, ...row } = proxy;
      workingSet.noteProxy(
        known
          ? { ...known, ...row, leaseUntil: known.leaseUntil, inFlight: known.inFlight }
          : { ...row, leaseUntil: now + PROXY_LEASE_MS, isUnheard: true },
      );
    }
  }

  /**
   * This process stood still since then, and reports of that time wait unread: a lease that lasted starts anew, as with an office.
   * What is in flight is known as it was.
   */
  stoodStill(workingSet: WorkingSet, since: number, now: number): void {
    const leaseUntil = now + PROXY_LEASE_MS;
    this.#runs.renew(since, leaseUntil);
    for (const proxy of workingSet.proxies.values())
      if (proxy.leaseUntil > since) workingSet.noteProxy({ ...proxy, leaseUntil });
  }

  /** Epoch ms; undefined: since before this process led. */
  confirmedSince(id: ProxyId): number | undefined {
    return this.#confirmedSince.get(id);
  }

  /**
   * A proxy asks for tables, and has this one. Once this has resolved stops wait for it until it reports, or for as long as a lease lasts;
   * before that no table may be sent to it. A lease that begins is stored, so that one who leads no more learns it here, and the next one
   * knows of this proxy. One that is refused as a copy of another gets none. Rejects when this process does not lead, and with a
   * conflict when the proxy has seen a higher epoch.
   */
  async ask(asker: RoutesAsker, has: { readonly epoch: number; readonly number: number }): Promise<void> {
    const id = asProxyId(asker.proxy);
    const note = await this.#parts.lane.submit((workingSet, now) => {
      checkEpoch(has.epoch, workingSet.epoch);
      const asked = asReport(asker, { epoch: has.epoch, confirmed: confirmedBy(has, workingSet) });
      const standing = this.#runs.standingOfAsker(id, asked, now);
      if (!standing) return { writes: [], value: undefined };
      const known = workingSet.proxies.get(id);
      const value = (): void => {
        this.#runs.noteAsker(id, asked, now);
        this.#noteConfirmed(known, id, standing, now);
      };
      const proxy = askingProxy(known ?? proxyOf(id, standing), standing);
      const isStored = known && known.leaseUntil > now && isSame(known.confirmed, proxy.confirmed);
      if (!isStored) return { writes: [{ kind: 'put-proxy', proxy }], value };
      workingSet.noteProxy(proxy);
      return { writes: [], value };
    });
    note?.();
  }

  async report(id: ProxyId, report: ProxyReport): Promise<ProxyReportAnswer> {
    if (!report.leaving) this.#arrived(id);
    const { value, note } = await this.#take(id, report);
    // once, and only of reports that were taken: a decision may be made again after a conflict
    note();
    return value;
  }

  /** A lease that lasts is renewed by the arrival: before the report is taken, slow commits and the next decisions may stand in the lane. */
  #arrived(id: ProxyId): void {
    const state = this.#parts.state();
    const known = state?.proxies.get(id);
    const now = this.#parts.clock.now();
    if (known && known.leaseUntil > now) state?.noteProxy({ ...known, leaseUntil: now + PROXY_LEASE_MS });
  }

  #take(
    id: ProxyId,
    report: ProxyReport,
  ): Promise<{ readonly value: ProxyReportAnswer; readonly note: () => void }> {
    return this.#parts.lane.submit((workingSet, now) => {
      this.#check(report, workingSet);
      const known = workingSet.proxies.get(id);
      const standing = this.#runs.standing(id, report, now);
      const proxy = standing && proxyOf(id, standing);
      const answer = {
        cluster: this.#parts.cluster,
        epoch: workingSet.epoch,
        number: workingSet.tableNumber,
      };
      const note = (): void => {
        const traffic = report.leaving ? undefined : report.traffic;
        this.#runs.note(id, report, now);
        if (standing) this.#noteConfirmed(known, id, standing, now);
        else this.#confirmedSince.delete(id);
        const hasGroup = this.#parts.hasGroup ?? (() => false);
        const isKnown = (service: AppId): boolean =>
          workingSet.apps.has(service) || hasGroup(workingSet, service);
        this.traffic.note(id, traffic, now, isKnown);
      };
      const value = { value: answer, note };
      if (!proxy) return { writes: known ? [{ kind: 'remove-proxy', id }] : [], value };
      if (!known || isNews(known, proxy)) return { writes: [{ kind: 'put-proxy', proxy }], value };
      workingSet.noteProxy(proxy);
      const isMoved = JSON.stringify(known.inFlight) !== JSON.stringify(proxy.inFlight);
      if (isMoved || known.isUnheard) this.#parts.moved();
      return { writes: [], value };
    });
  }

  #noteConfirmed(
    known: ProxyNode | undefined,
    id: ProxyId,
    { confirmed }: Pick<ProxyNode, 'confirmed'>,
    now: number,
  ): void {
    if (known && !isSame(known.confirmed, confirmed)) this.#confirmedSince.set(id, now);
  }

  /**
   * A person says that this proxy will not come back: its last tables no longer hold ports back (decisions.md 10). Throws a conflict while
   * it lives: what it still routes to would be given away, and its next report would bring it back.
   */
  remove(id: ProxyId): Promise<boolean> {
    return this.#parts.lane.submit((workingSet, now) => {
      const known = workingSet.proxies.get(id);
      if (known && known.leaseUntil > now) throw failures.conflict(livesText(known, now));
      this.#runs.forget(id);
      this.#confirmedSince.delete(id);
      return { writes: known ? [{ kind: 'remove-proxy', id }] : [], value: known !== undefined };
    });
  }

  #check(report: ProxyReport, workingSet: WorkingSet): void {
    if (report.cluster !== null && report.cluster !== this.#parts.cluster) {
      throw failures.conflict(
        `This proxy belongs to cluster ${report.cluster}, this control plane to ${this.#parts.cluster}. Use another --data-dir or --control-plane.`,
      );
    }
    checkEpoch(report.epoch, workingSet.epoch);
    // it would be taken for one that lives, and hold ports back until a person removes it
    if (!report.leaving && this.#runs.hasLeft(report.run))
      throw failures.conflict('This process has left: the report was on its way for too long.');
    // it would count as confirmed for every stop to come, and requests would be cut off
    if (report.confirmed.number > workingSet.tableNumber) {
      throw failures.conflict(
        `This proxy confirms table ${report.confirmed.number}, this control plane has ${workingSet.tableNumber}.`,
      );
    }
  }
}

function checkEpoch(seen: number, own: number): void {
  if (seen > own)
    throw failures.conflict(`This proxy has seen epoch ${seen}, this control plane has ${own}.`);
}

/** What the asker says that it routes by; nothing when this control plane never had such a table. */
function confirmedBy(
  { epoch, number }: ProxyNode['confirmed'],
  { tableNumber }: WorkingSet,
): ProxyNode['confirmed'] {
  const isOurs = [epoch, number].every((each) => Number.isSafeInteger(each) && each >= 0);
  return isOurs && number <= tableNumber ? { epoch, number } : { epoch: 0, number: 0 };
}

/** What else is known of it stays until it reports. */
function askingProxy(
  known: ProxyNode,
  { confirmed, inFlight, leaseUntil, isUnheard }: StandingOfAll,
): ProxyNode {
  const { isUnheard: _, ...rest } = known;
  return { ...rest, confirmed, inFlight, leaseUntil, ...(isUnheard ? { isUnheard } : {}) };
}

function livesText({ id, address, leaseUntil, isUnheard }: ProxyNode, now: number): string {
  const seconds = Math.ceil((leaseUntil - now) / 1_000);
  if (isUnheard)
    return `Proxy ${id} (${address}) may live: this leader waits for ${seconds} s to hear it. Ask again then.`;
  return (
    `Proxy ${id} (${address}) lives: it reports every few seconds. Stop it, which removes it too; ` +
    `one that has just died can be removed in ${seconds} s.`
  );
}

function proxyOf(
  id: ProxyId,
  { shown, confirmed, inFlight, leaseUntil, isUnheard }: StandingOfAll,
): ProxyNode {
  const { address, listens, about, warnings } = shown;
  return {
    ...{ id, address, confirmed, inFlight, warnings, leaseUntil },
    ...(listens ? { listens } : {}),
    ...(about ? { about } : {}),
    ...(isUnheard ? { isUnheard } : {}),
  };
}

const isSame = (one: ProxyNode['confirmed'], other: ProxyNode['confirmed']): boolean =>
  one.epoch === other.epoch && one.number === other.number;

const isNews = (known: ProxyNode, now: ProxyNode): boolean =>
  known.address !== now.address ||
  JSON.stringify(known.listens) !== JSON.stringify(now.listens) ||
  JSON.stringify(known.about) !== JSON.stringify(now.about) ||
  !isSame(known.confirmed, now.confirmed) ||
  JSON.stringify(known.warnings) !== JSON.stringify(now.warnings);
