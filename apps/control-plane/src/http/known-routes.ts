// Which paths exist, with which methods: to answer 405 for a known path with the wrong method and 404 for an unknown one (api.md 1.1).

export class KnownRoutes {
  readonly #routes: { readonly method: string; readonly pattern: RegExp }[] = [];

  /** `url` as registered, with `:name` and a final `*`. */
  note(method: string | readonly string[], url: string): void {
    if (url === '*' || url === '/*') return;
    const source = url
      .split('/')
      .map((part) => (part.startsWith('*') ? '.+' : part.startsWith(':') ? '[^/]+' : escaped(part)))
      .join('/');
    for (const each of [method].flat()) {
      this.#routes.push({ method: each, pattern: new RegExp(`^${source}$`) });
    }
  }

  hasOtherMethod(method: string, path: string): boolean {
    return this.methodsOf(path).some((each) => each !== method);
  }

  /** Each once, in the order of the alphabet; empty for an unknown path. */
  methodsOf(path: string): readonly string[] {
    const known = this.#routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(known.map(({ method }) => method))].sort();
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
