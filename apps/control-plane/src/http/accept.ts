// Which content types an answer exists in, and which one a client wants (api.md 1.1): JSON everywhere but for the few listed here.
// 406 only for a client that names types and ours is not among them; errors are always JSON.

interface Offer {
  readonly path: RegExp;
  readonly types: readonly string[];
}

const JSON_ONLY = ['application/json'];
/** These pick for themselves. */
const FREE = ['*/*'];
const OFFERS: readonly Offer[] = [
  { path: /^\/$|^\/(ping|docs|ui|help|api-console)($|\/|-)/, types: FREE },
  { path: /^\/metrics/, types: FREE },
  { path: /^\/v[23]\/events$/, types: FREE },
  { path: /^\/v2\/tasks$|^\/v2\/apps\/.+\/tasks$/, types: ['application/json', 'text/plain'] },
  { path: /^\/v3\/(routes|proxies|instances|tasks)(\/|$)/, types: FREE },
];

/** The first of `offered` that the client takes with the highest weight; null: none of them. */
export function bestType(accept: string | undefined, offered: readonly string[]): string | null {
  if (accept === undefined || accept.trim() === '') return offered[0] ?? null;
  const wanted = accept.split(',').map(readRange);
  let best: { type: string; weight: number } | null = null;
  for (const type of offered) {
    const weight = Math.max(
      0,
      ...wanted.filter(({ range }) => covers(range, type)).map((each) => each.weight),
    );
    if (weight > 0 && (!best || weight > best.weight)) best = { type, weight };
  }
  return best?.type ?? null;
}

export function isAcceptable(path: string, accept: string | undefined): boolean {
  const types = OFFERS.find((each) => each.path.test(path))?.types ?? JSON_ONLY;
  return types === FREE || bestType(accept, types) !== null;
}

function readRange(text: string): { range: string; weight: number } {
  const [range = '', ...parameters] = text.split(';').map((each) => each.trim().toLowerCase());
  const q = parameters.find((each) => each.startsWith('q='));
  const weight = q === undefined ? 1 : Number(q.slice(2));
  return { range, weight: Number.isFinite(weight) ? weight : 0 };
}

const covers = (range: string, type: string): boolean =>
  range === '*/*' ||
  range === '*' ||
  range === type ||
  (range.endsWith('/*') && type.startsWith(range.slice(0, -1)));
