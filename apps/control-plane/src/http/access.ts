// Who may call (decisions.md 29, 30): the Host must name this server, a web page of another origin is refused, bodies of forms are
// no API calls, and with --auth every call needs credentials. Agents and proxies always show their token instead.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { failures } from '#libs/api-contract';
import type { Store } from '#libs/store';
import { isLoopback, type ApiSettings } from '../settings.js';
import { CORS_METHODS } from './cors.js';

type Headers = Pick<IncomingHttpHeaders, 'host' | 'origin' | 'authorization' | 'content-type'>;

/** Their callers bring a token of their role. */
const TOKEN_PATHS = ['/v3/agents/session', '/v3/routes', '/v3/proxies/'];
const FORM_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];

export class Access {
  readonly #hosts: ReadonlySet<string>;
  readonly #users: readonly Buffer[];
  readonly #open: boolean;
  readonly #origins: readonly string[];

  constructor(settings: ApiSettings) {
    this.#hosts = new Set(['localhost', settings.bind, settings.hostname].map((each) => each.toLowerCase()));
    this.#users = [...(settings.users ?? [])].map(([user, password]) => digest(`${user}:${password}`));
    this.#origins = settings.allowedOrigins;
    this.#open = settings.users === undefined && isLoopback(settings.bind);
  }

  /** Throws what is to be answered. `path` without query. */
  check(method: string, path: string, headers: Headers): void {
    const host = headers.host ?? '';
    if (!this.#isOurs(nameOf(host))) throw failures.badHost(host);
    const { origin } = headers;
    if (origin !== undefined && !isOwn(origin, host) && !this.#mayRead(method, origin)) {
      throw failures.foreignOrigin(origin);
    }
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    if (method !== 'GET' && method !== 'HEAD' && FORM_TYPES.includes(type)) {
      throw failures.unsupportedMediaType();
    }
    const hasToken = method !== 'DELETE' && TOKEN_PATHS.some((each) => path.startsWith(each));
    // a preflight brings no credentials, and nothing is behind OPTIONS
    if (this.#open || path === '/ping' || method === 'OPTIONS' || hasToken) return;
    if (!this.#knows(headers.authorization)) throw failures.unauthorized();
  }

  /** Any address will do: only names can be pointed at this server by somebody else (DNS rebinding), and they are few. */
  #isOurs(name: string): boolean {
    return this.#hosts.has(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  }

  /** Pages of configured origins may read; changes stay with those that this server sent itself. */
  #mayRead(method: string, origin: string): boolean {
    return CORS_METHODS.includes(method) && this.#origins.some((each) => each === '*' || each === origin);
  }

  #knows(authorization: string | undefined): boolean {
    const [scheme = '', value = ''] = (authorization ?? '').split(' ');
    if (scheme.toLowerCase() !== 'basic') return false;
    const given = digest(Buffer.from(value, 'base64').toString('utf8'));
    // every user is compared, in constant time, so that timing tells nothing
    return this.#users.reduce((found, user) => timingSafeEqual(user, given) || found, false);
  }
}

/** The role of a bearer token. The store compares hashes, so timing tells nothing about the token. */
export async function requireRole(
  store: Store,
  role: 'agent' | 'proxy',
  authorization: string | undefined,
): Promise<void> {
  const [scheme = '', token = ''] = (authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'bearer' || token === '') throw failures.wrongToken(role);
  if ((await store.tokenRole(tokenHash(token))) !== role) throw failures.wrongToken(role);
}

export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex');
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const nameOf = (host: string): string => host.toLowerCase().replace(/:\d+$/, '');

function isOwn(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
