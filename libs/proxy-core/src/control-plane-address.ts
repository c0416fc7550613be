// Where to ask: the configured control plane, or the leader that it named. A leader that does not answer is given up after two
// failures, for it may have stepped down; the configured one knows the next. Two that name each other must not make a loop without a
// pause: only so many hints are followed in a row.
const FAILURES_MAX = 2;
const HINTS_MAX = 3;

export class ControlPlaneAddress {
  readonly #configured: string;
  #current: string;
  #failures = 0;
  /** Followed since somebody answered who leads. */
  #hints = 0;

  constructor(configured: string) {
    this.#configured = trim(configured);
    this.#current = this.#configured;
  }

  get current(): string {
    return this.#current;
  }

  /** False when that is where we ask already, or when enough hints were followed: ask again later. */
  follow(leader: string): boolean {
    if (trim(leader) === this.#current || !/^https?:\/\//.test(leader)) return false;
    this.#hints += 1;
    if (this.#hints > HINTS_MAX) {
      this.#hints = 0;
      this.#current = this.#configured;
      return false;
    }
    this.#current = trim(leader);
    this.#failures = 0;
    return true;
  }

  /** Whoever we ask leads. */
  answered(): void {
    this.#hints = 0;
  }

  failed(): void {
    this.#failures += 1;
    if (this.#failures < FAILURES_MAX) return;
    this.#failures = 0;
    this.#current = this.#configured;
  }
}

const trim = (url: string): string => url.replace(/\/+$/, '');
