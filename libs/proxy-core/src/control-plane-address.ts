// Where to ask: the configured control plane, or the leader that it named. A leader that does not answer is given up after two
// failures, for it may have stepped down; the configured one knows the next.
const FAILURES_MAX = 2;

export class ControlPlaneAddress {
  readonly #configured: string;
  #current: string;
  #failures = 0;

  constructor(configured: string) {
    this.#configured = trim(configured);
    this.#current = this.#configured;
  }

  get current(): string {
    return this.#current;
  }

  /** False when that is where we ask already. */
  follow(leader: string): boolean {
    if (trim(leader) === this.#current || !/^https?:\/\//.test(leader)) return false;
    this.#current = trim(leader);
    this.#failures = 0;
    return true;
  }

  failed(): void {
    this.#failures += 1;
    if (this.#failures < FAILURES_MAX) return;
    this.#failures = 0;
    this.#current = this.#configured;
  }
}

const trim = (url: string): string => url.replace(/\/+$/, '');
