// Whether an outdated instance stays because a share of the traffic goes to its version (`PUT /v3/apps/ID/traffic`).
import { shareOf } from '#libs/model';
import type { Instance } from '#libs/model';
import { isOutdated } from './classify.js';
import type { AppSituation } from './classify.js';

export const isHeldByTraffic = (
  instance: Instance,
  { app, versionOf }: Pick<AppSituation, 'app' | 'versionOf'>,
): boolean =>
  app.traffic !== undefined &&
  isOutdated(instance, app) &&
  (shareOf(app.traffic, versionOf(instance), app.current)?.weight ?? 0) > 0;
