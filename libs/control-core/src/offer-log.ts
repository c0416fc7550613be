// What `/v2/queue` tells about placement attempts (api.md 8): one "offer" is one agent looked at in one attempt. Kept per app since
// it began to wait, in memory only: after a change of leader counting begins anew.
import { addAttempt, NOTHING_DECLINED, type DeclineTally, type OfferSummary } from '#libs/api-contract';
import type { AppId } from '#libs/model';
import type { WaitingExplanation } from '#libs/reconciler';

interface Entry {
  readonly since: number;
  readonly processed: number;
  readonly unused: number;
  readonly lastUnusedAt: number;
  readonly last: DeclineTally;
  readonly all: DeclineTally;
}

const NONE: OfferSummary = {
  processedOffersCount: 0,
  unusedOffersCount: 0,
  lastOffers: NOTHING_DECLINED,
  launchAttempt: NOTHING_DECLINED,
};

export class OfferLog {
  readonly #entries = new Map<AppId, Entry>();

  /** After a pass over the app; undefined: nothing of it waits for a place any more. */
  note(app: AppId, waiting: WaitingExplanation | undefined, now: number): void {
    if (!waiting) {
      this.#entries.delete(app);
      return;
    }
    const known = this.#entries.get(app);
    const reasons = waiting.perAgent.map((each) => each.reasons.map(({ reason }) => reason));
    this.#entries.set(app, {
      since: known?.since ?? now,
      processed: (known?.processed ?? 0) + reasons.length,
      unused: (known?.unused ?? 0) + reasons.filter((each) => each.length).length,
      lastUnusedAt: now,
      last: addAttempt(NOTHING_DECLINED, reasons),
      all: addAttempt(known?.all ?? NOTHING_DECLINED, reasons),
    });
  }

  summary(app: AppId): OfferSummary {
    const entry = this.#entries.get(app);
    if (!entry) return NONE;
    return {
      processedOffersCount: entry.processed,
      unusedOffersCount: entry.unused,
      ...(entry.unused ? { lastUnusedOfferAt: entry.lastUnusedAt } : {}),
      lastOffers: entry.last,
      launchAttempt: entry.all,
    };
  }

  clear(): void {
    this.#entries.clear();
  }
}
