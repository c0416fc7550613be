// CORS as Marathon does it (api.md 1.1): only with configured origins, on every answer, and for reading alone: a page of another
// origin that wants to change something is refused by access.ts whatever the browser thinks.
import type { IncomingHttpHeaders } from 'node:http';

const MAX_AGE_SECONDS = '86400';
export const CORS_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export class Cors {
  readonly #origin: string | undefined;

  /** As configured; the last one is named in the header, as in Marathon, which overwrites it once per origin. */
  constructor(origins: readonly string[]) {
    this.#origin = origins.at(-1);
  }

  headers(request: IncomingHttpHeaders): Readonly<Record<string, string>> {
    if (this.#origin === undefined) return {};
    const asked = request['access-control-request-headers'];
    return {
      'Access-Control-Allow-Origin': this.#origin,
      'Access-Control-Allow-Methods': CORS_METHODS.join(', '),
      'Access-Control-Max-Age': MAX_AGE_SECONDS,
      ...(asked === undefined ? {} : { 'Access-Control-Allow-Headers': asked }),
    };
  }

  /** A browser asking before it sends: it carries no credentials and wants only the headers. */
  isPreflight(method: string, request: IncomingHttpHeaders): boolean {
    return (
      this.#origin !== undefined &&
      method === 'OPTIONS' &&
      request['access-control-request-method'] !== undefined
    );
  }
}
