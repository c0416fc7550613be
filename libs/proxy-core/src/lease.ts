// Whether this process may have missed a table. Its lease ends when it has not asked the control plane for 10 s: then stops no
// longer wait for it. A running process asks every 3 s, so only one that was frozen (a paused machine, a stopped process) gets there;
// it asks again before it routes anything. Checked per request, for after a thaw waiting requests may be served before timers.
// A question that got no answer counts, too: without a control plane the proxy serves on and must not wait on each request. One that was
// refused does not, for no stop waits for this process: it asks for the table anew every other second in which it has requests.
import { PROXY_LEASE_MS } from '#libs/agent-protocol';
import type { Clock } from '#libs/time';

export class Lease {
  readonly #clock: Clock;
  #askedAt = -Infinity;
  #renewing: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the table of a renewal that was refused may be gone by, ms. Longer than a renewal may take. */
  static readonly REFUSED_MS = 2_000;

  /** A report that began at `startedAt` has ended, with an answer or without. The start counts: it may have been frozen meanwhile. */
  asked(startedAt: number): void {
    this.#hold(startedAt, PROXY_LEASE_MS);
  }

  /** ms until it ends; 0: it has ended. */
  left(): number {
    return Math.max(0, PROXY_LEASE_MS - (this.#clock.now() - this.#askedAt));
  }

  /**
   * Undefined while the lease holds, else the one renewal under way, which all waiting requests share. `renew` resolves with whether the
   * control plane has refused it.
   */
  renewedBy(renew: () => Promise<'refused' | undefined>): Promise<void> | undefined {
    // the control plane may have answered already while the table is still on its way: whoever comes meanwhile waits, too
    if (this.#renewing) return this.#renewing;
    if (this.left() > 0) return undefined;
    return (this.#renewing = this.#renew(renew));
  }

  async #renew(renew: () => Promise<'refused' | undefined>): Promise<void> {
    const startedAt = this.#clock.now();
    let holdsMs = PROXY_LEASE_MS;
    try {
      if ((await renew()) === 'refused') holdsMs = Lease.REFUSED_MS;
    } finally {
      this.#hold(startedAt, holdsMs);
      this.#renewing = undefined;
    }
  }

  #hold(startedAt: number, ms: number): void {
    this.#askedAt = Math.max(this.#askedAt, startedAt - PROXY_LEASE_MS + ms);
  }
}
