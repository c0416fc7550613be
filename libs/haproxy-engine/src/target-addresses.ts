// HAProxy takes addresses while it runs, no names; and whatever stands in a `server` line must not become configuration. So names of
// targets are looked up here, again and again while there are any, and only IP addresses go further.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { RouteTable, RouteTarget } from '#libs/routing';
import type { Clock } from '#libs/time';

const LOOKUP_MS = 2_000;
const NAMES_SHOWN = 5;

/** Rejects when there is no such name. */
export type LookUp = (name: string) => Promise<string>;

const systemLookUp: LookUp = async (name) => (await lookup(name)).address;

export class TargetAddresses {
  readonly #clock: Clock;
  readonly #lookUp: LookUp;
  /** The last that was found, by name. */
  #known = new Map<string, string>();
  #unknown: readonly string[] = [];

  constructor(clock: Clock, lookUp: LookUp = systemLookUp) {
    this.#clock = clock;
    this.#lookUp = lookUp;
  }

  /** Some target has a name, which may come to mean another address. */
  get hasNames(): boolean {
    return this.#known.size > 0 || this.#unknown.length > 0;
  }

  /** The table with addresses only. A name that is not found now keeps its last address; one never found has its targets left out. */
  async resolve(table: RouteTable): Promise<RouteTable> {
    const hosts = new Set(table.services.flatMap(({ targets }) => targets.map(({ host }) => host)));
    const names = [...hosts].filter((host) => !isAddress(host));
    const known = new Map<string, string>();
    await Promise.all(
      names.map(async (name) => {
        const address = (await this.#ask(name)) ?? this.#known.get(name);
        if (address !== undefined) known.set(name, address);
      }),
    );
    this.#known = known;
    this.#unknown = names.filter((name) => !known.has(name));
    if (names.length === 0) return table;
    const withAddress = (target: RouteTarget): RouteTarget[] => {
      const host = isAddress(target.host) ? target.host : known.get(target.host);
      return host === undefined ? [] : [{ ...target, host }];
    };
    const services = table.services.map((service) => ({
      ...service,
      targets: service.targets.flatMap(withAddress),
    }));
    return { ...table, services };
  }

  warnings(): string[] {
    if (this.#unknown.length === 0) return [];
    const some = this.#unknown.slice(0, NAMES_SHOWN).map((name) => JSON.stringify(name.slice(0, 100)));
    const more = this.#unknown.length > NAMES_SHOWN ? ` and ${this.#unknown.length - NAMES_SHOWN} more` : '';
    return [
      `targets get nothing, for their hosts are not found by name: ${some.join(', ')}${more}; start their agents with --address`,
    ];
  }

  /** Undefined: not found in time. */
  #ask(name: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(LOOKUP_MS, () => resolve(undefined));
      this.#lookUp(name)
        .then(
          (address) => resolve(isAddress(address) ? address : undefined),
          () => resolve(undefined),
        )
        .finally(() => timer.cancel());
    });
  }
}

/** HAProxy does not take zones (`fe80::1%eth0`). */
const isAddress = (host: string): boolean => isIP(host) !== 0 && !host.includes('%');
