// How a service is served, as far as its labels say: balancing, time-outs, retries, limits, who may ask, what is done to heads. Part of
// the route table, so that every proxy and engine goes by the same rules. A member that is absent has its default, and a service
// without labels has none at all: tables of a thousand apps stay small, and tables on disk from an older version can still be read.

/** Who gets the next request. Default: of two targets drawn at random the one with fewer requests in flight, for its weight. */
export type Balance =
  | { readonly by: 'least-of-two' }
  | { readonly by: 'least' }
  | { readonly by: 'round-robin' }
  /** The same key goes to the same target while that one lives; a target that joins or leaves moves only its own share of the keys. */
  | { readonly by: 'source' }
  | { readonly by: 'header' | 'cookie' | 'query'; readonly name: string }
  /** The path without its query, as the client sent it. */
  | { readonly by: 'uri' };

/** Milliseconds. */
export interface RouteTimeouts {
  /** For a connection to a target to stand. Default 3 s. */
  readonly connectMs?: number;
  /** Longest silence of a target during a request. Default 5 min. */
  readonly silenceMs?: number;
  /** Longest silence on an upgraded (WebSocket) or TCP connection, both ways. Default: none. */
  readonly tunnelMs?: number;
}

/** What may be sent again. A request that no target has seen always is, whatever is said here. */
export interface RouteRetries {
  /** Targets tried at most, the first one included: 1 to 10. Default 3. */
  readonly attempts?: number;
  /** Besides a broken connection: answers of a target that another target is asked for, by status. Default none. */
  readonly on?: readonly number[];
  /** Retries per 100 requests of this service, above a floor of 10 in 10 s; beyond it failures are passed on. Default 20. */
  readonly budgetPercent?: number;
}

export interface RouteLimits {
  /** Requests per second, for each client address or all of the service together. Beyond: 429 with Retry-After. */
  readonly rate?: { readonly perSecond: number; readonly burst: number; readonly per: 'client' | 'service' };
  /** Bytes of a request's body. Beyond: 413. */
  readonly bodyBytes?: number;
  /** Of a request's body over HTTP/1, on the average until the answer begins, bytes per second; 0: any. Default 240, after 30 s. */
  readonly bodyMinRate?: number;
  /** Requests in flight to one target, of this proxy process. Beyond: they wait. */
  readonly connectionsPerTarget?: number;
  /** How many may wait for a target; beyond: 503 with Retry-After. Default QUEUE_LENGTH, counts only with `connectionsPerTarget`. */
  readonly queue?: number;
  /** How long one may wait. Default QUEUE_MS. */
  readonly queueMs?: number;
}

export const QUEUE_LENGTH = 1_024;
export const QUEUE_MS = 10_000;

/** An edit of a head; `set` replaces, `add` appends, `remove` takes all of that name. Never a name that frames a message. */
export interface HeaderEdit {
  readonly do: 'set' | 'add' | 'remove';
  /** Lower case. */
  readonly name: string;
  readonly value?: string;
}

export interface RouteCors {
  /** Exact origins, or `*`. */
  readonly origins: readonly string[];
  readonly methods?: readonly string[];
  readonly headers?: readonly string[];
  readonly exposed?: readonly string[];
  readonly credentials?: boolean;
  readonly maxAgeSeconds?: number;
}

/** Strict-Transport-Security (RFC 6797), sent in answers that go out over TLS only. */
export interface RouteHsts {
  readonly maxAgeSeconds: number;
  readonly includeSubDomains?: boolean;
  readonly preload?: boolean;
}

export interface BasicAuth {
  readonly realm: string;
  /** `secret`: a crypt(3) hash (`$1$`, `$5$`, `$6$`), as marathon-lb takes it, or the password itself. None: nobody is let in. */
  readonly users: readonly { readonly name: string; readonly secret: string; readonly hashed: boolean }[];
}

/** Leaving out a target that answers badly. Default on, with these figures; `failures` 0 switches it off. */
export interface RouteEjection {
  /** Failed answers (5xx of a gateway kind, breaks, time-outs) in a row. Default 5. */
  readonly failures?: number;
  /** First time out, doubled with each in a row, at most ten times as long. Default 1 s. */
  readonly ms?: number;
}

export interface RoutePolicy {
  readonly balance?: Balance;
  /** A newcomer's share grows from a tenth to the whole within this time, ms. Default 0: at once. */
  readonly slowStartMs?: number;
  /** Targets of the proxy's own zone first, while at least one of them can answer. */
  readonly preferZone?: boolean;
  readonly timeouts?: RouteTimeouts;
  readonly retries?: RouteRetries;
  readonly limits?: RouteLimits;
  readonly ejection?: RouteEjection;
  /** Addresses and networks (CIDR) that may ask; others get 403, or a closed connection on TCP. Empty: nobody. */
  readonly allow?: readonly string[];
  readonly auth?: BasicAuth;
  /** Of requests, before a target sees them. */
  readonly requestHeaders?: readonly HeaderEdit[];
  /** Of answers. */
  readonly responseHeaders?: readonly HeaderEdit[];
  readonly cors?: RouteCors;
  /** gzip or br where client and type allow. Default off. */
  readonly compress?: boolean;
  /** The path prefix that led here is cut off; the target sees the rest, and the prefix as X-Forwarded-Prefix. */
  readonly stripPath?: boolean;
  /** Cut off where the path begins with it, whatever led here (marathon-lb's HTTP_BACKEND_PROXYPASS_PATH). */
  readonly stripPrefix?: string;
  /** Put before the path of Location and Content-Location in answers that point at this service (HTTP_BACKEND_REVPROXY_PATH). */
  readonly locationPrefix?: string;
  readonly hsts?: RouteHsts;
  /** Prefix put before the path the target sees (after stripping). */
  readonly proxyPass?: string;
  /** Requests for exactly the root path are sent here (301). */
  readonly redirectRoot?: string;
  /** What targets speak. Default HTTP/1.1; `h2c` is HTTP/2 without TLS, which gRPC needs. */
  readonly protocol?: 'http1' | 'h2c';
  /** `accept`: clients of the service port must begin with a PROXY header (v1 or v2); `send`: targets get one. */
  readonly proxyProtocol?: { readonly accept?: boolean; readonly send?: 'v1' | 'v2' };
  /** Address of this service port's listener instead of --proxy-bind. */
  readonly bind?: string;
}

/** Shares of the traffic by version of the app, whatever the number of their instances (`PUT /v3/apps/ID/traffic`). */
export interface TrafficShares {
  /** By version (a timestamp); a version that is not named gets nothing while one that is named can answer. */
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
  /** Requests with this header or cookie of a given value go to a version whatever the shares. */
  readonly pins?: readonly {
    readonly by: 'header' | 'cookie';
    readonly name: string;
    readonly value: string;
    readonly version: string;
  }[];
}
