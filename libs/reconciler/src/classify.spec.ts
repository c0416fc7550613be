import { describe, expect, test } from '@jest/globals';
import { asAppId, asInstanceId, asTaskId, type Instance } from '#libs/model';
import { anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import { classify, classifyAll, type AppSituation, type InstanceSet } from './classify.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';

const WEB = asAppId('/web');
const COUNT = 300;
const version = aVersion(anAppSpec({ id: WEB, instances: COUNT, healthChecks: [] }));

describe('thousands that run and do not accept connections', () => {
  test('are looked at a few times each, not once for each of the others', () => {
    let reads = 0;
    const instances = Array.from({ length: COUNT }, (_, index): Instance => {
      const [id, taskId] = [asInstanceId(`web.${index}`), asTaskId(`web.${index}.1`)];
      const status = aStatus({ instanceId: id, appId: WEB, taskId, phase: 'running', accepting: false });
      const row = anInstance({ id, appId: WEB, version: version.version, taskId, placed: true, status });
      return Object.defineProperty({ ...row }, 'routing', {
        enumerable: true,
        get: () => {
          reads += 1;
          return 'out';
        },
      });
    });
    const app = { id: WEB, current: version, removing: false, revision: 1 };
    const situation: AppSituation = {
      ...{ app, instances, versionOf: () => version, settings: DEFAULT_RECONCILE_SETTINGS },
      ...{ officeSince: 0, now: 1_000 },
    };
    expect(classifyAll(situation).available).toHaveLength(COUNT);
    expect(reads).toBeGreaterThanOrEqual(COUNT);
    expect(reads).toBeLessThan(10 * COUNT);
    reads = 0;
    const known = new Map<Instance, InstanceSet>();
    for (let question = 0; question < 20; question += 1)
      for (const each of instances) expect(classify(each, { ...situation, known })).toBe('available');
    expect(reads).toBeLessThan(10 * COUNT);
  });
});
