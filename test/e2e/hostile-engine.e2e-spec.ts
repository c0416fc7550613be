// A Docker Engine that goes away, loses containers to a person, and has some that nobody asked for.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { canStartDockerd, importBusyboxImage, PrivateDockerd, until } from '#libs/testkit';
import { agentsOf, routed } from './agent-views.js';
import { LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';

const IMAGE = 'longrun-test/hostile:e2e';

(canStartDockerd() ? describe : describe.skip)('a Docker Engine that misbehaves', () => {
  const engine = new PrivateDockerd(`/tmp/longrun-hostile-${process.pid}`);
  const docker = new Docker({ socketPath: engine.socketPath });
  let up: LongrunUp;

  beforeAll(async () => {
    await engine.start();
    await importBusyboxImage(engine, IMAGE);
    const args = ['--docker-socket', engine.socketPath];
    up = await (await LongrunUp.start({ args })).ready();
    await up.api.post('/v2/apps', dockerApp('/engine'));
    await up.settled('/engine', 2);
  }, 300_000);
  afterAll(async () => {
    await up?.dispose();
    await engine.stop();
  }, 180_000);

  const dockerApp = (id: string, more: object = {}): object => ({
    id,
    cmd: 'mkdir -p /www && echo ok > /www/index.html && exec httpd -f -p $PORT0 -h /www',
    instances: 2,
    cpus: 0.1,
    mem: 32,
    container: { type: 'DOCKER', docker: { image: IMAGE } },
    networks: [{ mode: 'host' }],
    portDefinitions: [{ port: 0, name: 'http' }],
    healthChecks: [{ protocol: 'HTTP', path: '/', gracePeriodSeconds: 30, intervalSeconds: 1 }],
    ...more,
  });
  const containers = async (id: string): Promise<Docker.ContainerInfo[]> =>
    (await docker.listContainers()).filter(({ Labels }) => Labels['io.longrun.app'] === id);
  const containerIds = async (id: string): Promise<string[]> =>
    (await containers(id)).map(({ Id }) => Id).sort();

  it('may be killed and be away: no container is restarted, and a deploy under way goes on', async () => {
    await routed(up, '/engine');
    const steady = new SteadyLoad([`${up.proxyUrl}/_app/engine/`], 50);
    const before = await containerIds('/engine');
    await engine.killHard();
    const { deploymentId } = await up.api.put<{ deploymentId: string }>('/v2/apps/engine', {
      env: { ROUND: '2' },
    });
    await until('requests while it is away', () => steady.answered > 200);
    await engine.start();
    await up.deploymentEnded(deploymentId);
    await up.settled('/engine', 2);
    await steady.stop();
    expect(steady.failures).toEqual([]);
    const after = await containerIds('/engine');
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  }, 240_000);

  it('has a container removed by a person: it is replaced', async () => {
    const [victim] = await containers('/engine');
    // as that person would: an Engine that still wrote into the container's folder fails the first time, and is asked again
    await until('the Engine to have removed it', async () => {
      const removal = docker.getContainer(victim?.Id ?? '').remove({ force: true });
      await removal.catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404) throw error;
      });
      return true;
    });
    await until('another container', async () => {
      const now = await containerIds('/engine');
      return now.length === 2 && !now.includes(victim?.Id ?? '');
    });
    await up.settled('/engine', 2);
  }, 120_000);

  it('has containers that nobody asked for: ours is listed and stopped after a minute, others are left alone', async () => {
    const [model] = await containers('/engine');
    const start = async (name: string, labels: Record<string, string>): Promise<void> => {
      const Labels = { ...model?.Labels, ...labels, 'io.longrun.task': name, MESOS_TASK_ID: name };
      const made = await docker.createContainer({ name, Image: IMAGE, Cmd: ['sleep', '1000'], Labels });
      await made.start();
    };
    await start('ghost', { 'io.longrun.instance': 'engine.ghost' });
    await start('ghost-malformed', { 'io.longrun.instance': 'engine.m', 'io.longrun.incarnation': 'many' });
    await start('ghost-of-others', { 'io.longrun.instance': 'engine.o', 'io.longrun.cluster': 'another' });
    await up.killChild('agent'); // it looks every half minute, and at once when it starts
    await until('the warning', async () => {
      const [agent] = await agentsOf(up);
      return agent?.warnings.some((text) => text.includes('engine.ghost'));
    });
    await until('the log to say so', () => up.logs().includes('no assignment names this task'));
    const running = async (): Promise<string[]> =>
      (await docker.listContainers())
        .flatMap(({ Names }) => Names)
        .filter((name) => name.startsWith('/ghost'))
        .sort();
    expect(await running()).toEqual(['/ghost', '/ghost-malformed', '/ghost-of-others']);
    await until('the ghost to be stopped', async () => !(await running()).includes('/ghost'), {
      withinMs: 90_000,
      everyMs: 500,
    });
    expect(await running()).toEqual(['/ghost-malformed', '/ghost-of-others']);
    expect(await up.settled('/engine', 2)).toHaveLength(2);
  }, 180_000);
});
