// What a failed change of a config goes back to: the newest older config that still has instances that serve, which need not be the
// one right before (it may have been forced away before it ever worked). Read from the instances there are, never remembered.
import { isOfCurrentConfig } from '#libs/model';
import type { AppChange, AppVersion } from '#libs/model';
import { isAvailable, isOutdated } from './classify.js';
import type { AppSituation } from './classify.js';
import { isSettled } from './settled.js';

/**
 * The definition to bring back; null = there was none before the change. When no older instance serves, and when the config did not
 * change, it is the one before the change. Only the config is that of the last good one: how many instances were wanted is kept.
 */
export function lastGood({ before, after }: AppChange, situation: AppSituation | null): AppVersion | null {
  const isConfigChange = before && after && before.lastConfigChangeAt !== after.lastConfigChangeAt;
  if (!isConfigChange || !situation) return before;
  const available = situation.instances.filter(
    (each) => isOutdated(each, situation.app) && isAvailable(each, situation),
  );
  // one that passes its first check again and again serves for seconds only
  const settled = available.filter((each) => isSettled(each, situation));
  const serving = (settled.length ? settled : available).map((each) => situation.versionOf(each));
  if (serving.some(({ version }) => isOfCurrentConfig(version, before))) return before;
  const [newest] = serving.sort((a, b) => (a.version < b.version ? 1 : -1));
  return newest ? { ...newest, spec: { ...newest.spec, instances: before.spec.instances } } : before;
}
