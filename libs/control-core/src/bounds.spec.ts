// What one caller may ask for, so that the others are still served and nobody's requests are cut off.
import { describe, expect, it } from '@jest/globals';
import { APPS_PER_CALL_MAX, asProxyId } from '#libs/model';
import { ScriptedCluster } from './scripted-cluster.js';

const MANY = { force: false, partial: true, mayCreate: true };
const app = (id: string): object => ({ id, cmd: 'serve', instances: 0, portDefinitions: [{ port: 0 }] });
const refusal = (text: string): object => ({
  details: [{ errors: [expect.stringContaining(text)] }],
});

describe('bounds', () => {
  it('refuses more apps in one call than are decided in about a second', async () => {
    const { core } = await ScriptedCluster.started();
    const apps = Array.from({ length: APPS_PER_CALL_MAX + 1 }, (_, at) => app(`/a${at}`));
    await expect(core.apps.updateMany(apps, MANY)).rejects.toMatchObject(refusal('send them in parts'));
  });

  it('gives every app of a call a service port of its own', async () => {
    const { core } = await ScriptedCluster.started();
    await core.apps.updateMany([app('/a'), app('/b'), app('/c/d')], MANY);
    const ports = [...core.state.apps.values()].map(({ current }) => current.spec.portDefinitions?.[0]?.port);
    expect(ports).toEqual([10_000, 10_001, 10_002]);
  });

  it.each([
    [['/a', '/a/b'], '/a is a group, for it holds the app /a/b'],
    [['/a/b/c', '/a'], '/a is an app and cannot hold /a/b/c'],
    [['/x/y/z'], '/x is an app and cannot hold /x/y/z'],
  ])('refuses %j: an id is an app or a group', async (ids, text) => {
    const { core } = await ScriptedCluster.started();
    await core.apps.updateMany([app('/x')], MANY);
    await expect(core.apps.updateMany(ids.map(app), MANY)).rejects.toMatchObject(refusal(text));
  });

  it('does not believe a proxy that confirms a table which nobody has made', async () => {
    const { core } = await ScriptedCluster.started();
    const { epoch, tableNumber } = core.state;
    const report = (number: number): Promise<unknown> =>
      core.proxies.report(asProxyId('p'), {
        cluster: null,
        address: '127.0.0.1',
        epoch,
        confirmed: { epoch, number },
        inFlight: {},
        warnings: [],
        leaving: false,
      });
    await expect(report(tableNumber + 1)).rejects.toMatchObject({ code: 'conflict' });
    expect(core.state.proxies.size).toBe(0);
    await report(tableNumber);
    expect(core.state.proxies.size).toBe(1);
  });
});
