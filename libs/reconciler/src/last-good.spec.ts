// Which definition a failed change goes back to, from the instances that are there.
import { describe, expect, test } from '@jest/globals';
import { asInstanceId, timestampOf } from '#libs/model';
import type { App, AppVersion, Instance } from '#libs/model';
import { anAppSpec, anInstance, aStatus, aVersion } from '#libs/testkit';
import type { AppSituation } from './classify.js';
import { lastGood } from './last-good.js';
import { DEFAULT_RECONCILE_SETTINGS } from './snapshot.js';

const release = (cmd: string, at: number): AppVersion => aVersion(anAppSpec({ cmd, instances: at }), at);
const [first, second, third, fourth] = [release('1', 1), release('2', 2), release('3', 3), release('4', 4)];
/** The first one again, while one of its instances ran. */
const back: AppVersion = { ...release('1', 3), adopts: [first.version] };

function situation(current: AppVersion, serving: readonly AppVersion[]): AppSituation {
  const app: App = { id: current.spec.id, current, removing: false, revision: 1 };
  const instances = serving.map(({ version }, at): Instance =>
    anInstance({
      id: asInstanceId(`web.instance-${at}`),
      version,
      routing: 'in',
      status: aStatus({ accepting: true }),
    }),
  );
  return {
    app,
    instances,
    versionOf: ({ version }) => serving.find((each) => each.version === version) ?? current,
    settings: DEFAULT_RECONCILE_SETTINGS,
    officeSince: 0,
    now: 2_000_000_000_000,
  };
}
const goesBackTo = (before: AppVersion, after: AppVersion, serving: readonly AppVersion[]) =>
  lastGood({ appId: after.spec.id, before, after }, situation(after, serving));

describe('the last good definition', () => {
  test('is the newest that serves, with as many instances as were wanted before the change', () => {
    expect(goesBackTo(third, fourth, [first, second, fourth])).toEqual({
      ...second,
      spec: { ...second.spec, instances: third.spec.instances },
    });
    expect(goesBackTo(third, fourth, [third, second])).toBe(third);
  });

  test('is the one before the change when an instance that it adopted serves, or none of any older one does', () => {
    expect(goesBackTo(back, fourth, [second, first])).toBe(back);
    expect(goesBackTo(third, fourth, [fourth])).toBe(third);
    expect(goesBackTo(third, fourth, [])).toBe(third);
  });

  test('is the one before a change that was none of the config, whatever else still runs', () => {
    const scaled = { ...third, version: timestampOf(5) };
    expect(goesBackTo(third, scaled, [first])).toBe(third);
  });
});
