// Service ports on which connections were closed for want of a right PROXY header: without a word to the client, so people are told here.
import type { Clock } from '#libs/time';

/**
 * What is wrong with what came in place of a header:
 * - `missing`: it begins with something else.
 * - `malformed`: it begins as a header and is none, or is longer than one may be.
 * - `late`: it was not whole in time; also nothing at all.
 * - `cut`: the connection ended in the middle of it.
 */
export type HeaderFault = 'missing' | 'malformed' | 'late' | 'cut';

/** A warning stays for so long after its last cause. */
const WARN_MS = 60_000;

export class WrongHeaders {
  readonly #clock: Clock;
  /** When it happened last, by service port; as many as there are such ports. */
  readonly #at = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(servicePort: number): void {
    this.#at.set(servicePort, this.#clock.now());
  }

  /** The same words from each worker, so that they are shown once. */
  warnings(): string[] {
    const since = this.#clock.now() - WARN_MS;
    for (const [port, at] of this.#at) if (at < since) this.#at.delete(port);
    return [...this.#at.keys()].map(
      (port) =>
        `service port ${port}: connections that do not begin with a right PROXY header are closed: let what stands in front send one (v1 or v2), ` +
        'or remove the label that asks for it, longrun.io/proxy-protocol accept or accept-proxy of HAPROXY_n_BIND_OPTIONS',
    );
  }
}
