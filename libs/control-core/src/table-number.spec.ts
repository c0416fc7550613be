// The number of the route table where tasks are reached at their own addresses.
import { expect, it } from '@jest/globals';
import { asAppId, asTaskId, type Instance } from '#libs/model';
import { ScriptedCluster } from './scripted-cluster.js';

const ID = asAppId('/shop/web');
const at = (ipAddress: string) => ({ ipAddresses: [{ ipAddress, protocol: 'IPv4' as const }] });

/** One instance, routed at 10.0.0.1. `hostPort` absent: it has none. */
async function routed(portMapping: object): Promise<ScriptedCluster> {
  const container = { type: 'DOCKER', docker: { image: 'web:1' }, portMappings: [portMapping] };
  const definition = { id: ID, cpus: 0.5, mem: 64, networks: [{ name: 'shop' }], container };
  return ScriptedCluster.serving(definition);
}
function first({ core }: ScriptedCluster): Instance {
  const [instance] = core.state.instancesOf(ID);
  if (!instance) throw new Error('there is no instance');
  return instance;
}
const table = ({ core }: ScriptedCluster) => core.routes.table(core.state);
const targets = (cluster: ScriptedCluster): string[] =>
  table(cluster).services.flatMap((service) => service.targets.map(({ host, port }) => `${host}:${port}`));

it('grows when a routed task is reported at another address, in the commit that stores it', async () => {
  const cluster = await routed({ containerPort: 80 });
  expect(targets(cluster)).toEqual(['10.0.0.1:80']);
  const before = table(cluster).number;
  await cluster.agent.report(first(cluster).id, at('10.0.0.2'));
  expect(targets(cluster)).toEqual(['10.0.0.2:80']);
  expect(table(cluster).number).toBe(before + 1);
  await cluster.agent.report(first(cluster).id, at('10.0.0.2'));
  expect(table(cluster).number).toBe(before + 1);
});

it('stays when the task is reached at its host port', async () => {
  const cluster = await routed({ containerPort: 80, hostPort: 0 });
  expect(targets(cluster)).toEqual(['10.0.0.1:31000']);
  const before = table(cluster).number;
  await cluster.agent.report(first(cluster).id, at('10.0.0.2'));
  expect(table(cluster).number).toBe(before);
});

it('a task that has lost its address is taken out, with the reason', async () => {
  const cluster = await routed({ containerPort: 80 });
  await cluster.agent.report(first(cluster).id, { ipAddresses: [] });
  expect(first(cluster)).toMatchObject({ placed: true, routing: 'out' });
  expect(targets(cluster)).toEqual([]);
  expect(cluster.events.at(-1)?.payload).toMatchObject({ routing: 'out' });
  await cluster.agent.report(first(cluster).id, at('10.0.0.2'));
  expect(targets(cluster)).toEqual(['10.0.0.2:80']);
});

it('the next task that an agent has started itself is never reached at the address of the one before', async () => {
  const cluster = await routed({ containerPort: 80 });
  const next = { incarnation: 2, taskId: asTaskId('shop_web.autonomous'), autonomous: true };
  await cluster.agent.report(first(cluster).id, { ...next, ...at('10.0.0.2'), accepting: false });
  expect(first(cluster)).toMatchObject({ taskId: next.taskId, routing: 'out' });
  expect(targets(cluster)).toEqual([]);
  await cluster.agent.report(first(cluster).id, { accepting: true });
  expect(targets(cluster)).toEqual(['10.0.0.2:80']);
});
