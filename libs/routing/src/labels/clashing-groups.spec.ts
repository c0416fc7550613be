// A deployment group whose name is the id of an app outside of it is not merged: all that are concerned are told.
import { expect, test } from '@jest/globals';
import { asAppId } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { routeWarnings, type RoutedApp } from '../build-route-table.js';

function anApp(id: string, servicePort: number, labels: Record<string, string>): RoutedApp {
  const portDefinitions = [{ ...aPortDefinition(), port: servicePort }];
  const current = aVersion(anAppSpec({ id: asAppId(id), portDefinitions, labels }));
  const app = { id: current.spec.id, current, removing: false, revision: 1 };
  return { app, instances: [], versionOf: () => current };
}

test('the apps of the group, and the app whose id is in the way', () => {
  const group = { HAPROXY_DEPLOYMENT_GROUP: 'shop' };
  const told = (...apps: RoutedApp[]): string[] =>
    routeWarnings({ apps, servicePortRange: { from: 10_000, to: 20_000 } }).map(
      ({ appId, text }) => `${appId}: ${text}`,
    );
  const members = [anApp('/blue', 10_001, group), anApp('/green', 10_001, group)];
  const ofGroups = (texts: readonly string[]): readonly string[] =>
    texts.filter((text) => /deployment group|DEPLOYMENT_GROUP/.test(text));
  expect(ofGroups(told(...members))).toEqual([]);
  expect(ofGroups(told(...members, anApp('/shop', 10_002, {})))).toEqual([
    expect.stringMatching(/^\/blue: HAPROXY_DEPLOYMENT_GROUP: nothing is merged/),
    expect.stringMatching(/^\/green: HAPROXY_DEPLOYMENT_GROUP: nothing is merged/),
    expect.stringMatching(/^\/shop: its id is also the deployment group of \/blue, \/green, which are not/),
  ]);
});
