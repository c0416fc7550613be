// Whom to dial next and when: the hinted leader first, else the configured control planes in turn, with a jittered delay that doubles
// from 0.1 s to 2 s, so that a fleet does not come back in one moment and is back within seconds.
import type { Ids } from '#libs/time';

const DELAY_MS_MIN = 100;
const DELAY_MS_MAX = 2_000;
/** Hints followed in a row without a session that lasted; two control planes that each name the other must not make a loop. */
const HINTS_MAX = 3;

export class DialPlan {
  readonly #urls: readonly string[];
  readonly #ids: Ids;
  #turn = 0;
  #failures = 0;
  #hint: string | null = null;
  #hints = 0;

  constructor(urls: readonly string[], ids: Ids) {
    this.#urls = urls;
    this.#ids = ids;
  }

  url(): string {
    return this.#hint ?? this.#urls[this.#turn % this.#urls.length] ?? '';
  }

  /** A session lasted: the next trouble is a new one. */
  lasted(): void {
    this.#failures = 0;
    this.#hints = 0;
  }

  /** The delay before the next dial, ms. */
  failed(leader?: string): number {
    const follow = leader !== undefined && leader !== this.url() && this.#hints < HINTS_MAX;
    if (follow) {
      this.#hint = leader;
      this.#hints += 1;
      return 0;
    }
    // who named a leader that does not answer would name it again: the next one is asked
    this.#turn += 1;
    this.#hint = null;
    this.#failures += 1;
    const ceiling = Math.min(DELAY_MS_MAX, DELAY_MS_MIN * 2 ** Math.min(this.#failures, 10));
    return DELAY_MS_MIN + Math.floor((ceiling - DELAY_MS_MIN) * this.#share());
  }

  /** 0..1, from the only randomness a core has. */
  #share(): number {
    return Number.parseInt(this.#ids.uuid().slice(0, 8), 16) / 0x1_0000_0000;
  }
}
