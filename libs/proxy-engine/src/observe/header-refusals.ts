// Connections that were closed without a word, for their service wants a PROXY header first: counted by app and what was wrong.
import type { HeaderFault } from '#libs/proxy-core';
import type { RouteService } from '#libs/routing';

export interface HeaderRefusalCount {
  readonly appId: string;
  readonly portIndex: number;
  readonly fault: HeaderFault;
  readonly count: number;
}

/** Apps come and go; those that were refused least lately are forgotten. */
const COUNTS_MAX = 1_000;

export class HeaderRefusals {
  readonly #counts = new Map<string, HeaderRefusalCount>();

  note({ appId, portIndex }: Pick<RouteService, 'appId' | 'portIndex'>, fault: HeaderFault): void {
    const key = `${portIndex} ${fault} ${appId}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.delete(key);
    this.#counts.set(key, { appId, portIndex, fault, count });
    const oldest = this.#counts.keys().next();
    if (this.#counts.size > COUNTS_MAX && oldest.done === false) this.#counts.delete(oldest.value);
  }

  /** Since the start. */
  counts(): readonly HeaderRefusalCount[] {
    return [...this.#counts.values()];
  }
}
