// Where to ask: one of the configured control planes, or the leader that it named. Whoever does not answer is given up after two
// failures, for it may have stepped down or be gone for good; the configured ones know the next, and are asked one after the other. Two
// that name each other must not make a loop without a pause: only so many hints are followed in a row.
const FAILURES_MAX = 2;
const HINTS_MAX = 3;

export class ControlPlaneAddress {
  readonly #configured: readonly string[];
  /** Which of them is asked next. */
  #next = 0;
  #current = '';
  #failures = 0;
  /** Followed since somebody answered who leads. */
  #hints = 0;

  /** At least one. */
  constructor(configured: readonly string[]) {
    this.#configured = configured.map(trim);
    this.#current = this.#turn();
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
      this.#current = this.#turn();
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
    this.#current = this.#turn();
  }

  /** The next of the configured ones; one that was just given up comes last. */
  #turn(): string {
    const { length } = this.#configured;
    const order = this.#configured.map((_, index) => (this.#next + index) % length);
    const turned = order.find((at) => this.#configured[at] !== this.#current) ?? this.#next;
    this.#next = (turned + 1) % length;
    return this.#configured[turned] ?? '';
  }
}

const trim = (url: string): string => url.replace(/\/+$/, '');
