// Shares of an app's traffic by version (`PUT /v3/apps/ID/traffic`): how much goes to which, whatever the number of their instances.
// A share names a version and means its config: scaling, and going back to an older definition, make versions of a config that is
// there already, and their instances must not fall out of its share.
import type { Cause } from './cause.js';
import type { Timestamp } from './ids.js';
import { isOfCurrentConfig, type AppVersion } from './app-spec.js';

export const TRAFFIC_LIMITS = {
  versions: 10,
  weight: 1_000,
  pins: 20,
  /** Characters of a pin's name and of its value. */
  pinName: 64,
  pinValue: 256,
} as const;

export interface TrafficShare {
  /** As it was named. */
  readonly version: Timestamp;
  /** The `lastConfigChangeAt` of that version. */
  readonly config: Timestamp;
  /** Whole, 0 to 1000; what it is of the sum is the share. */
  readonly weight: number;
}

/** Requests with this header or cookie of this value go to a version whatever the shares. */
export interface TrafficPin {
  readonly by: 'header' | 'cookie';
  /** Headers in lower case. */
  readonly name: string;
  readonly value: string;
  /** One that a share names. */
  readonly version: Timestamp;
}

export interface AppTraffic {
  /** At least one weight is not 0. Versions that had instances when the shares were set are all in it, with 0 if they were not named. */
  readonly shares: readonly TrafficShare[];
  /** Absent: none. */
  readonly pins?: readonly TrafficPin[];
  /** Epoch ms, the control plane's clock. */
  readonly since: number;
  /** Who set them. */
  readonly cause: Cause;
}

/** Does an instance of this definition belong to the share? `current`: the app's, which may have adopted older instances. */
export const isOfShare = (share: TrafficShare, definition: AppVersion, current: AppVersion): boolean =>
  definition.lastConfigChangeAt === share.config ||
  (isOfCurrentConfig(definition.version, current) && isOfCurrentConfig(share.version, current));

/** Undefined: nobody named its config, so it gets nothing while one that was named can answer. */
export const shareOf = (
  { shares }: Pick<AppTraffic, 'shares'>,
  definition: AppVersion,
  current: AppVersion,
): TrafficShare | undefined => shares.find((each) => isOfShare(each, definition, current));
