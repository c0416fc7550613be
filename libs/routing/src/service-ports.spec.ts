// Who has a service port that two apps ask for: the one that has asked for it the longer, whatever else of it was changed.
import { describe, expect, it } from '@jest/globals';
import { asAppId, timestampOf, type App, type AppVersion } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { siblingsAmong } from './labels/deployment-groups.js';
import { grantServicePorts, servicePortsSince } from './service-ports.js';

const RANGE = { from: 10_000, to: 10_010 };
const OLD = asAppId('/old');
const YOUNG = asAppId('/young');

const versionOf = (id: App['id'], ports: readonly number[], at: number, more: object = {}): AppVersion =>
  aVersion(anAppSpec({ id, portDefinitions: ports.map((port) => aPortDefinition({ port })), ...more }), at);

/** As one change after the other leaves it. */
function changed(...versions: readonly [AppVersion, ...AppVersion[]]): App {
  const [first, ...later] = versions;
  const row = (current: AppVersion, before?: App): App => ({
    ...{ id: current.spec.id, current, removing: false, revision: 1 },
    servicePortsSince: servicePortsSince(before, current),
  });
  return later.reduce((before, each) => row(each, before), row(first));
}
const ownerOf = (...apps: readonly App[]): readonly App['id'][] => {
  const granted = grantServicePorts(apps, RANGE);
  return apps.filter((app) => granted.has(app, 0)).map(({ id }) => id);
};

describe('a service port', () => {
  const young = changed(versionOf(YOUNG, [10_001], 20));

  it('stays with the app that asked for it first when that one is changed', () => {
    const old = changed(versionOf(OLD, [10_001], 10), versionOf(OLD, [10_001], 30, { cmd: 'new' }));
    expect(ownerOf(young, old)).toEqual([OLD]);
    expect(old.servicePortsSince).toEqual({ 10001: timestampOf(10) });
  });

  it('is not taken away by an older app that asks for it later', () => {
    const old = changed(versionOf(OLD, [10_002], 10), versionOf(OLD, [10_001], 30));
    expect(ownerOf(young, old)).toEqual([YOUNG]);
  });

  it('is asked for anew by an app that had given it up', () => {
    const old = changed(
      versionOf(OLD, [10_001], 10),
      versionOf(OLD, [10_002], 25),
      versionOf(OLD, [10_001], 30),
    );
    expect(ownerOf(young, old)).toEqual([YOUNG]);
  });

  it('of a deployment group stays with those that joined it when the oldest member goes', () => {
    const labels = { HAPROXY_DEPLOYMENT_GROUP: 'g' };
    const blue = changed(versionOf(asAppId('/blue'), [10_001], 10, { labels }));
    const joining = versionOf(asAppId('/green'), [10_001], 30, { labels });
    const green = (others: readonly App[]): App => ({
      ...changed(joining),
      servicePortsSince: servicePortsSince(undefined, joining, siblingsAmong(others)(joining.spec)),
    });
    expect(ownerOf(young, green([blue, young]))).toEqual([asAppId('/green')]);
    expect(ownerOf(young, green([{ ...blue, removing: true }, young]))).toEqual([YOUNG]);
  });

  it('counts from the last change of the config where a release before this one stored the row', () => {
    const { servicePortsSince: _, ...stored } = changed(versionOf(OLD, [10_001], 10));
    expect(ownerOf(young, stored)).toEqual([OLD]);
    expect(servicePortsSince(stored, versionOf(OLD, [10_001, 10_003], 40))).toEqual({
      10001: timestampOf(10),
      10003: timestampOf(40),
    });
  });
});
