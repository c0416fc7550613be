// What is wrong with a definition: texts collected per path, in Marathon's path grammar (api.md 1.2).
// Parsing never stops at the first problem of a stage, so a person mends a file in one go.

/** `path` is `/` for the whole object, else `/member` steps with `(index)` for list elements: `/container/portMappings(0)/name`. */
export interface Problem {
  readonly path: string;
  readonly errors: readonly string[];
}

/** `schema`: types, enums, ranges, patterns (shown as "Invalid JSON"); `rules`: everything that is looked at once those are clean. */
export type ProblemStage = 'schema' | 'rules';

export interface ProblemList {
  readonly kind: 'problems';
  readonly stage: ProblemStage;
  readonly problems: readonly Problem[];
}

/** More entries than this help nobody and would make the answer larger than the request. */
const ENTRIES_MAX = 1000;

/** Collects problems; several texts for one path become one entry, the same text is kept once. */
export class Problems {
  private readonly byPath = new Map<string, Set<string>>();

  get any(): boolean {
    return this.byPath.size > 0;
  }

  add(path: string, text: string): void {
    const at = path === '' ? '/' : path;
    const known = this.byPath.get(at);
    if (known) known.add(text);
    else if (this.byPath.size < ENTRIES_MAX) this.byPath.set(at, new Set([text]));
  }

  as(stage: ProblemStage): ProblemList {
    const problems = [...this.byPath].map(([path, texts]) => ({ path, errors: [...texts] }));
    return { kind: 'problems', stage, problems };
  }
}
