// Explanations of apps as a control plane really has them: its working set, its loop, an agent that is told and answers.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { asAgentId, asAppId, asProxyId, type Instance } from '#libs/model';
import { explainApp, type AppExplanation, type HoldKind } from '#libs/reconciler';
import { ScriptedCluster } from './scripted-cluster.js';

const WEB = asAppId('/web');
const CALL = { clientIp: '127.0.0.1', uri: '/v2/apps' };

const PROXY = asProxyId('proxy-1');

/** What a proxy says that is at this table. */
function reportAt(number: number): Parameters<ScriptedCluster['core']['proxies']['report']>[1] {
  const { epoch } = cluster.core.state;
  return {
    ...{ cluster: null, address: '127.0.0.1', epoch, confirmed: { epoch, number } },
    ...{ inFlight: {}, warnings: [], leaving: false },
  };
}

let cluster: ScriptedCluster;
beforeEach(async () => {
  cluster = await ScriptedCluster.started();
});

async function deploy(more: object = {}): Promise<void> {
  const body = { id: WEB, cmd: 'serve', cpus: 1, mem: 128, portDefinitions: [], ...more };
  await cluster.core.apps.create(body, false, CALL);
  await cluster.settle();
}

/** Fixed host ports are service ports too. */
const fixedPort = (port: number) => ({ portDefinitions: [{ port, protocol: 'tcp' }], requirePorts: true });

function instanceOf(id = WEB, at = 0): Instance {
  const instance = cluster.core.state.instancesOf(id)[at];
  if (!instance) throw new Error(`${id} has no instance ${at}`);
  return instance;
}

function explain(id = WEB): AppExplanation {
  const { state, clock } = cluster.core;
  const app = state.apps.get(id);
  if (!app) throw new Error(`there is no ${id}`);
  return explainApp(state, app, clock.now());
}

const holdOf = (kind: HoldKind, id = WEB) => explain(id).holds.find((each) => each.kind === kind);
const failing = ({ agents }: AppExplanation): readonly string[] =>
  agents.flatMap(({ cells }) => cells.flatMap(({ predicate, fits }) => (fits ? [] : [predicate])));

describe('the explanation of an app', () => {
  test('without any agent says so, and what an agent must have', async () => {
    await deploy({ cpus: 2, mem: 512, portDefinitions: [{ port: 0 }] });
    expect(explain()).toMatchObject({
      standing: { wanted: 1, running: 0, waiting: 1, text: '1 wanted: 1 to be launched' },
      holds: [{ kind: 'no-place', instances: 1, text: expect.stringContaining('there is no agent') }],
      next: { fitNow: 0, agentsThatFit: 0, needs: { cpus: 2, mem: 512, hostPorts: [0] } },
      agents: [],
      changes: [
        {
          agentId: 'new-agent',
          text: 'start an agent with the process runtime, at least 2 cores and 512 MiB of memory, and 1 free host port',
        },
      ],
    });
  });

  test('that runs well tells where one more would go, and books nothing for it', async () => {
    await cluster.agent.connect();
    await deploy();
    const { standing, holds, next, changes } = explain();
    expect(standing.text).toBe('1 wanted: 1 healthy and routed');
    expect(holds).toEqual([]);
    expect(next).toMatchObject({
      text: 'one more instance than wanted',
      place: { agentId: 'agent-1', hostname: 'host-1', hostPorts: [] },
      agentsThatFit: 1,
    });
    expect(next).not.toHaveProperty('instanceId');
    expect(changes).toEqual([]);
    expect(cluster.core.state.instancesOf(WEB)).toHaveLength(1);
  });

  test('that runs and lets nobody in is not called routed', async () => {
    await cluster.agent.connect();
    // reports nothing by itself
    cluster.agent.silent = true;
    await deploy({ portDefinitions: [{ port: 0, protocol: 'tcp' }] });
    const { id } = instanceOf();
    await cluster.agent.report(id, { phase: 'running', accepting: false });
    expect(explain().standing.text).toBe('1 wanted: 1 running, but nothing accepts on its ports');
    await cluster.agent.report(id, { accepting: true });
    expect(explain().standing.text).toBe('1 wanted: 1 healthy and routed');
  });

  test('of one more counts it among the wanted, so that a GROUP_BY divides anew', async () => {
    await cluster.agent.connect();
    await deploy({ instances: 2, constraints: [['hostname', 'GROUP_BY', '1']] });
    expect(explain().next).toMatchObject({ agentsThatFit: 1, place: { agentId: 'agent-1' } });
  });

  test('says why the second finds no place once the first is there', async () => {
    await cluster.agent.connect();
    await deploy({ instances: 3, constraints: [['hostname', 'UNIQUE']] });
    const explanation = explain();
    expect(explanation.standing.text).toBe('3 wanted: 1 healthy and routed, 2 to be launched');
    expect(explanation.holds).toEqual([expect.objectContaining({ kind: 'no-place', instances: 2 })]);
    expect(explanation.next).toMatchObject({
      text: 'one of 2 instances that wait',
      fitNow: 0,
      agentsThatFit: 0,
    });
    expect(explanation.agents[0]?.cells).toContainEqual(
      expect.objectContaining({
        ...{ predicate: 'constraint', fits: false, index: 0, agentValue: 'host-1', instancesThere: 1 },
        ...{ missing: 1, wouldFit: 'a hostname other than host-1' },
      }),
    );
    expect(explanation.changes.map(({ text }) => text)).toEqual([
      'relax the constraint "hostname UNIQUE" to "hostname MAX_PER 2", for one more instance',
      'start an agent with the process runtime, at least 1 cores and 128 MiB of memory',
    ]);
  });

  test('tells until when a launch delay holds, how many fit, and what the next one lacks then', async () => {
    await cluster.agent.connect();
    await deploy({ instances: 3, cpus: 3, backoffSeconds: 60 });
    const { id } = instanceOf();
    await cluster.agent.crash(id);
    const { holds, next, standing } = explain();
    expect(standing).toMatchObject({ wanted: 3, running: 1, waiting: 2 });
    const until = cluster.core.state.apps.get(WEB)?.launchDelay?.until;
    expect(holds).toMatchObject([
      { kind: 'launch-delay', instances: 2, until },
      { kind: 'no-place', instances: 1 },
    ]);
    expect(next).toMatchObject({
      text: 'one of 2 instances that wait, once the one that fits is placed',
      ...{ fitNow: 1, isLeast: false, places: [{ agentId: 'agent-1' }], agentsThatFit: 0 },
    });
    const cpus = explain().agents[0]?.cells.find(({ predicate }) => predicate === 'cpus');
    expect(cpus).toMatchObject({ needed: 3, used: 6, free: 2, total: 8, missing: 1, unit: 'cores' });
  });

  test('offers what has to leave when no room is left, by name', async () => {
    await cluster.agent.connect();
    await deploy({ id: '/batch', instances: 3, cpus: 2 });
    await deploy({ cpus: 4 });
    const batch = cluster.core.state.instancesOf(asAppId('/batch')).map(({ id }) => id);
    const { changes } = explain();
    expect(changes.map(({ text }) => text.replace(/: batch\S+$/, ': …'))).toEqual([
      'scale /batch down by 1, by its instance on host-1: …',
      'lower cpus from 4 to 2 cores, the most that fits on host-1',
      'start an agent with the process runtime, at least 4 cores and 128 MiB of memory',
    ]);
    const [step] = changes[0]?.steps ?? [];
    expect(step?.kind === 'stop-instances' ? batch : []).toEqual(
      expect.arrayContaining(step?.kind === 'stop-instances' ? [...step.instances] : ['no such step']),
    );
  });

  test('tells that an agent without a session may start it again by itself', async () => {
    await cluster.agent.connect();
    await deploy({ backoffSeconds: 0 });
    cluster.agent.silent = true;
    await cluster.advance(12_000);
    await cluster.agent.crash(instanceOf().id);
    expect(holdOf('agent-away')).toMatchObject({ instances: 1, agentId: asAgentId('agent-1') });
    const explanation = explain();
    expect(failing(explanation)).toEqual(['session']);
    expect(explanation.changes[0]?.text).toBe('bring the agent on host-1 back');
  });

  test('names who holds a fixed port, then the proxy that has not confirmed that it is free', async () => {
    await cluster.agent.connect();
    await cluster.core.proxies.report(PROXY, reportAt(0));
    const old = asAppId('/old');
    await deploy({ id: old, ...fixedPort(31_005) });
    await deploy(fixedPort(31_005));
    const ports = () => explain().agents[0]?.cells.find(({ predicate }) => predicate === 'ports');
    expect(ports()).toMatchObject({
      ...{ fits: false, missing: 1, needed: 1, total: 21 },
      blocked: [{ index: 0, port: 31_005, block: { why: 'held', by: instanceOf(old).id } }],
    });
    expect(explain().changes.map(({ steps }) => steps[0]?.kind)).toEqual([
      'stop-instances',
      'change-host-ports',
      'start-agent',
    ]);
    await cluster.core.apps.remove(old, true);
    await cluster.settle();
    const { leftAt } = instanceOf(old);
    // its lease is over, so it no longer holds the stop, but the port
    await cluster.advance(20_000);
    expect(cluster.core.state.apps.has(old)).toBe(false);
    expect(ports()).toMatchObject({ blocked: [{ port: 31_005, block: { why: 'resting' } }], resting: 1 });
    const [change] = explain().changes;
    expect(change?.steps).toEqual([{ kind: 'wait-for-proxies', table: leftAt, proxies: [PROXY] }]);
    expect(change?.text).toContain(
      'proxy-1 at 127.0.0.1 (at table 0, without a lease: remove it if it is gone for good)',
    );
    await cluster.core.proxies.report(PROXY, reportAt(cluster.core.state.tableNumber));
    await cluster.settle();
    expect(instanceOf()).toMatchObject({ placed: true, hostPorts: [31_005] });
  });

  test('tells which step of which deployment it has to wait for', async () => {
    await cluster.agent.connect();
    const app = { cmd: 'serve', cpus: 1, mem: 128, portDefinitions: [] };
    const checks = [{ protocol: 'COMMAND', command: { value: 'true' } }];
    const apps = [
      { ...app, id: '/db', healthChecks: checks },
      { ...app, id: WEB, instances: 2, dependencies: ['/db'] },
    ];
    await cluster.core.apps.updateMany(apps, { force: false, partial: true, mayCreate: true });
    await cluster.settle();
    expect(explain(asAppId('/db')).holds).toMatchObject([{ kind: 'not-ready', instances: 1 }]);
    const [deployment] = cluster.core.state.deployments.values();
    expect(holdOf('deployment-step')).toMatchObject({ instances: 2, deploymentId: deployment?.id });
    expect(holdOf('deployment-step')?.text).toMatch(
      /^to be started by step 3 of 3 of deployment \S+, once step 2 is done: ScaleApplication \/db$/,
    );
    expect(explain().next).toMatchObject({ text: 'the first of 2 instances that wait', fitNow: 2 });
  });
});
