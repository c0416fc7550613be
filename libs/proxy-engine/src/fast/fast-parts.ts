// What every exchange of the fast path shares.
import type { FindOptions } from '../admission/find-route.js';
import type { Departures } from '../drain/departures.js';
import type { Observer } from '../observe/observer.js';
import type { LiveRoutes } from '../targets/live-routes.js';
import type { BodyPace } from './body-pace.js';
import type { Deadlines } from './deadlines.js';
import type { ReadBuffers } from './read-buffers.js';
import type { UpstreamPools } from './upstream-pool.js';

export interface FastParts {
  readonly routes: LiveRoutes;
  readonly departures: Departures;
  readonly observer: Observer;
  readonly connectTimeoutMs: number;
  /** Silence on the connection to the task after which a request is given up. */
  readonly silenceMs: number;
  /** Where the service's policy says nothing. */
  readonly bodyPace: BodyPace;
  /** True once this process stops: answers then end their connection. */
  readonly isStopping: () => boolean;
  /** The rules of this very moment. */
  readonly findOptions: () => FindOptions;
  /** Before each request: a promise while the table may be out of date, to wait for (decisions.md 10). */
  readonly freshen: () => Promise<void> | undefined;
}

export interface FastWorld extends FastParts {
  readonly pools: UpstreamPools;
  readonly deadlines: Deadlines;
  readonly buffers: ReadBuffers;
}
