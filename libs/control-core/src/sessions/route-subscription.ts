// The control plane's end of one proxy's route stream: each newer table once, heartbeats in between (decisions.md 10, 20). One that
// reads slowly gets the newest table once it reads again, not all in between.
import { ROUTES_HEARTBEAT_MS, type RoutesAsker, type RoutesLine } from '#libs/agent-protocol';
import { failures } from '#libs/api-contract';
import type { RouteTable } from '#libs/routing';
import type { Timer } from '#libs/time';
import type { ControlCore } from '../control-core.js';

/** Where the lines go. */
export interface RouteOutlet {
  /** False: it does not read; `drained` is called when it does again. */
  write(line: RoutesLine<RouteTable>): boolean;
  /** It did not read what was written; no more is written until it did. */
  readonly needsDrain: boolean;
}

export class RouteSubscription {
  readonly #core: ControlCore;
  readonly #outlet: RouteOutlet;
  readonly #unlisten: () => void;
  #known: { readonly epoch: number; readonly number: number };
  #sent: RouteTable | null = null;
  #timer: Timer | null = null;

  /**
   * For whoever says which proxy it is, and for whom stops have to wait from the first table on; null: it is none, or of an older release.
   * Rejects as the constructor throws, and when this process does not lead.
   */
  static async open(
    core: ControlCore,
    asker: RoutesAsker | null,
    known: { epoch: number; number: number },
    outlet: RouteOutlet,
  ): Promise<RouteSubscription> {
    if (asker) await core.proxies.ask(asker, known);
    return new RouteSubscription(core, known, outlet);
  }

  /**
   * Writes at once what is newer than `known` (what the proxy said it has; number -1: nothing) and a heartbeat. Nothing was written when
   * it throws: `failures.conflict` when the proxy has seen a higher epoch, `failures.notLeading` when this process has no state, or one
   * that nobody may rely on any more.
   */
  constructor(core: ControlCore, known: { epoch: number; number: number }, outlet: RouteOutlet) {
    const { epoch } = core.state;
    if (core.leadership.isCutOff) throw failures.notLeading();
    if (known.epoch > epoch) {
      throw failures.conflict(`This proxy has seen epoch ${known.epoch}, this control plane has ${epoch}.`);
    }
    this.#core = core;
    this.#outlet = outlet;
    this.#known = known;
    this.#unlisten = core.routes.listen(() => this.#sendNews());
    this.#sendNews();
    this.#sendHeartbeat();
    this.#beat();
  }

  /** The outlet is read again. */
  drained(): void {
    this.#sendNews();
  }

  /** No line is written after it. */
  close(): void {
    this.#unlisten();
    this.#timer?.cancel();
  }

  #sendNews(): void {
    if (!this.#core.hasState || this.#outlet.needsDrain) return;
    const table = this.#core.routes.table(this.#core.state);
    const known = this.#known;
    const isSame = table.epoch === known.epoch && table.number <= known.number;
    // the same number again only when its words for people are new
    if (isSame && (this.#sent === null || table === this.#sent || table.number < known.number)) return;
    this.#sent = table;
    this.#known = { epoch: table.epoch, number: table.number };
    this.#outlet.write({ type: 'table', table });
  }

  #sendHeartbeat(): void {
    const { epoch, tableNumber } = this.#core.state;
    this.#outlet.write({ type: 'heartbeat', epoch, number: tableNumber });
  }

  #beat(): void {
    this.#timer = this.#core.clock.after(ROUTES_HEARTBEAT_MS, () => {
      if (this.#core.hasState && !this.#outlet.needsDrain) this.#sendHeartbeat();
      this.#beat();
    });
  }
}
