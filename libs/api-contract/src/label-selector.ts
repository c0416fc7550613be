// The label selector of `GET /v2/apps?label=` (api.md 3.1): terms joined by commas, all of which must hold. Every form asks that the
// label exists, also `!=` and `notin`. Read once from left to right, so its cost is linear whatever a client sends.

type Labels = Readonly<Record<string, string>>;
export type LabelSelector =
  | { readonly kind: 'ok'; readonly matches: (labels: Labels) => boolean }
  /** For the 422; names the place. */
  | { readonly kind: 'unreadable'; readonly reason: string };

interface Term {
  readonly key: string;
  /** Absent: the label only has to be there. */
  readonly values?: ReadonlySet<string>;
  readonly isNegated: boolean;
}

/** An empty text selects everything. Forms: `key`, `key==v`, `key!=v`, `key in (a, b)`, `key notin (a, b)`; `\` escapes a character. */
export function parseLabelSelector(text: string): LabelSelector {
  const reader = new SelectorReader(text);
  const terms: Term[] = [];
  try {
    if (!reader.isAtEnd()) {
      do terms.push(readTerm(reader));
      while (reader.takes(','));
      if (!reader.isAtEnd()) throw reader.fault('a comma or the end');
    }
  } catch (error) {
    if (error instanceof SelectorFault) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
  return { kind: 'ok', matches: (labels) => terms.every((term) => holds(term, labels)) };
}

function readTerm(reader: SelectorReader): Term {
  const key = reader.word('the name of a label');
  if (reader.takes('==')) return { key, values: new Set([reader.word('a value')]), isNegated: false };
  if (reader.takes('!=')) return { key, values: new Set([reader.word('a value')]), isNegated: true };
  const operator = reader.optionalWord();
  if (operator === null) return { key, isNegated: false };
  if (operator !== 'in' && operator !== 'notin') throw reader.fault("'==', '!=', 'in' or 'notin'");
  if (!reader.takes('(')) throw reader.fault("'('");
  const values = new Set<string>();
  do values.add(reader.word('a value'));
  while (reader.takes(','));
  if (!reader.takes(')')) throw reader.fault("',' or ')'");
  return { key, values, isNegated: operator === 'notin' };
}

function holds({ key, values, isNegated }: Term, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (value === undefined) return false;
  return values === undefined || values.has(value) !== isNegated;
}

class SelectorFault extends Error {}

/** White space between tokens is skipped. */
class SelectorReader {
  private at = 0;

  constructor(private readonly text: string) {}

  isAtEnd(): boolean {
    this.skipBlanks();
    return this.at >= this.text.length;
  }

  takes(token: string): boolean {
    this.skipBlanks();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  word(wanted: string): string {
    const word = this.optionalWord();
    if (word === null) throw this.fault(wanted);
    return word;
  }

  optionalWord(): string | null {
    this.skipBlanks();
    const characters: string[] = [];
    for (;;) {
      const next = this.text.charAt(this.at);
      const isEscaped = next === '\\' && this.at + 1 < this.text.length;
      if (!isEscaped && !/^[A-Za-z0-9._-]$/.test(next)) break;
      characters.push(isEscaped ? this.text.charAt(this.at + 1) : next);
      this.at += isEscaped ? 2 : 1;
    }
    return characters.length ? characters.join('') : null;
  }

  fault(wanted: string): SelectorFault {
    return new SelectorFault(`expected ${wanted} at character ${this.at + 1}`);
  }

  private skipBlanks(): void {
    while (/^\s$/.test(this.text.charAt(this.at))) this.at += 1;
  }
}
