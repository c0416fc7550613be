// Long JSON answers written in slices of the event loop. A list of thousands of apps takes hundreds of milliseconds to write, and the
// same process renews its lease and hears its agents; so one slice of one answer runs per turn of the loop, however many clients ask,
// and those who ask for the same answer at the same time share one.
import { setImmediate } from 'node:timers';

/** What is said in one go; many of these make a heartbeat late, one does not. */
const SLICE_MS = 10;

/** A part whose JSON is made when its turn comes. It must speak of rows that do not change. */
export class JsonText {
  constructor(readonly make: () => string) {}
}

/** Returned by a controller instead of the value itself: JSON values, with `JsonText` for the parts that are many. */
export class SlicedJson {
  constructor(readonly tree: object) {}
}

export class SlicedWriter {
  readonly #underWay = new Map<string, Promise<Buffer>>();
  readonly #waiting: (() => void)[] = [];

  /** `tag`: names the answer, so that others can share it while it is being written; absent: it is not to be shared. */
  write({ tree }: SlicedJson, tag?: string): Promise<Buffer> {
    if (tag === undefined) return this.#write(tree);
    const written = this.#write(tree).finally(() => this.#underWay.delete(tag));
    this.#underWay.set(tag, written);
    return written;
  }

  /** The answer of this name, if it is being written. Each who shares it gets it in a turn of its own, for sending takes time too. */
  underWay(tag: string): Promise<Buffer> | undefined {
    return this.#underWay.get(tag)?.then(async (bytes) => {
      await this.#turn();
      return bytes;
    });
  }

  async #write(tree: object): Promise<Buffer> {
    const slices: Buffer[] = [];
    const pieces = piecesOf(tree);
    for (let isDone = false; !isDone;) {
      await this.#turn();
      const until = performance.now() + SLICE_MS;
      let slice = '';
      while (performance.now() < until && !isDone) {
        const { value, done } = pieces.next();
        if (done) isDone = true;
        else slice += value;
      }
      slices.push(Buffer.from(slice));
    }
    return Buffer.concat(slices);
  }

  /** One per round of the event loop: with `setImmediate` alone all that wait would run in the same round. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#arm();
    });
  }

  #arm(): void {
    setImmediate(() => {
      this.#waiting.shift()?.();
      if (this.#waiting.length) this.#arm();
    });
  }
}

function* piecesOf(value: unknown): Generator<string, void> {
  if (value instanceof JsonText) yield value.make();
  else if (Array.isArray(value)) yield* listPieces(value);
  else if (typeof value === 'object' && value !== null) yield* memberPieces(value);
  else yield JSON.stringify(value);
}

function* listPieces(items: readonly unknown[]): Generator<string, void> {
  let before = '[';
  for (const item of items) {
    yield before;
    yield* piecesOf(item);
    before = ',';
  }
  yield items.length ? ']' : '[]';
}

function* memberPieces(object: object): Generator<string, void> {
  let before = '{';
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    yield `${before}${JSON.stringify(name)}:`;
    yield* piecesOf(value);
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}
