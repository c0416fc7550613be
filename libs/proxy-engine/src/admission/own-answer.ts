// An answer that no task gave.
import type { RouteService } from '#libs/routing';

export interface OwnAnswer {
  readonly kind: 'answer';
  readonly status: number;
  /** Body as JSON `{message}`; empty where `headers` say all (a redirect). */
  readonly message: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Whom the request was for, where that was found out: it is counted and logged with it. */
  readonly service?: RouteService;
}

/** 308 keeps method and body, 301 is what old clients understand. */
export function redirectTo(location: string, method: string): OwnAnswer {
  const status = method === 'GET' || method === 'HEAD' ? 301 : 308;
  return { kind: 'answer', status, message: '', headers: [['location', location]] };
}
