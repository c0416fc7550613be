// Apps on a Docker network, without a single host port: through checks, the proxy and a rolling update they are like all others, and their
// addresses stay theirs when everything dies at once and only the agent is there to bring it back.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import type { DeploymentAnswer } from '#libs/api-client';
import { until } from '#libs/testkit';
import { makeNetwork, type TestNetwork } from '../docker/test-network.js';
import { containerOfTask, dockerHttpApp, killTaskOf } from './docker-app.js';
import { LongrunUp } from './longrun-up.js';
import { SteadyLoad } from './steady-load.js';

const SHOP = '/net/shop';
const AUDIT = '/net/audit';
const socketPath = process.env['DOCKER_HOST']?.replace('unix://', '') ?? '';
const network: TestNetwork | null = socketPath ? await makeNetwork(socketPath) : null;
if (!network) process.stderr.write('\nSKIPPED: container networks, for DOCKER_HOST names no engine\n\n');

(network ? describe : describe.skip)('apps on a container network', () => {
  const apps = [SHOP, AUDIT];
  let up: LongrunUp;
  let urls: Readonly<Record<string, string>>;
  const docker = new Docker({ socketPath });
  let stranger: Docker.Container | undefined;

  async function onNetwork(id: string): Promise<object> {
    const app = (await dockerHttpApp(id)) as { container: object };
    return {
      ...app,
      cmd: `mkdir -p /www && echo "${id} $PORT0 $RELEASE" > /www/index.html && exec httpd -f -p $PORT0 -h /www`,
      networks: [{ mode: 'container', name: network?.name }],
      container: { ...app.container, portMappings: [{ containerPort: 8080 }] },
    };
  }
  async function servicePortOf(id: string): Promise<number> {
    const { app } = await up.api.get<{ app: { container: { portMappings: { servicePort: number }[] } } }>(
      `/v2/apps${id}`,
    );
    return app.container.portMappings[0]?.servicePort ?? 0;
  }
  const bodyOf = async (id: string): Promise<string> => {
    const answer = await fetch(urls[id] ?? '', { signal: AbortSignal.timeout(5_000) });
    return answer.ok ? answer.text() : '';
  };

  beforeAll(async () => {
    up = await LongrunUp.start();
    await up.ready();
    const bodies = await Promise.all(apps.map(onNetwork));
    const { image } = (bodies[0] as { container: { docker: { image: string } } }).container.docker;
    const HostConfig = { NetworkMode: network?.name ?? '' };
    stranger = await docker.createContainer({ Image: image, Cmd: ['sleep', '1000'], HostConfig });
    await stranger.start();
    await up.api.put('/v2/apps', bodies);
    for (const id of apps) await up.settled(id, 2);
    const known = await Promise.all(
      apps.map(async (id) => [id, `http://127.0.0.1:${await servicePortOf(id)}/`]),
    );
    urls = Object.fromEntries(known) as Record<string, string>;
    for (const id of apps) await until(`${id} to be routed`, () => bodyOf(id));
  }, 300_000);
  afterAll(async () => {
    await stranger?.remove({ force: true }).catch(() => undefined); // by its test, if that came so far
    await up?.dispose();
  }, 120_000);

  it('are reached at the addresses of their tasks, which have no host ports', async () => {
    for (const id of apps) {
      expect(await bodyOf(id)).toMatch(`${id} 8080`);
      for (const task of await up.tasks(id)) {
        expect(task).toMatchObject({ ports: [], ipAddresses: [{ protocol: 'IPv4' }] });
        expect(task.ipAddresses[0]?.ipAddress).toContain(network?.prefix);
      }
    }
  });

  it('lose no request in a rolling update, and none that came after a task was killed', async () => {
    const steady = new SteadyLoad(Object.values(urls));
    await until('some answers', () => steady.answered > 50);
    const { deploymentId } = await up.api.put<DeploymentAnswer>(`/v2/apps${SHOP}`, { env: { RELEASE: '2' } });
    await up.deploymentEnded(deploymentId);
    expect(steady.failures).toEqual([]);
    const [victim] = await up.settled(SHOP, 2);
    if (!victim) throw new Error('no task');
    await killTaskOf(up, victim);
    const killedAt = performance.now();
    await until('a replacement', async () => !(await up.tasks(SHOP)).some(({ id }) => id === victim.id));
    await up.settled(SHOP, 2);
    const more = steady.answered + 50;
    await until('some more answers', () => steady.answered > more);
    await steady.stop();
    expect(steady.failures.filter(({ startedAt }) => startedAt > killedAt)).toEqual([]);
    expect([...steady.seen.keys()].some((text) => text.startsWith(`${SHOP} 8080 2`))).toBe(true);
  }, 240_000);

  it('keep their addresses when all tasks die and no control plane is there to tell anybody another one', async () => {
    const before = (await Promise.all(apps.map((id) => up.settled(id, 2)))).flat();
    const postgresPid = up.postgresPid();
    const { dataDir, ports } = up;
    up.process.kill('SIGKILL');
    await up.exited();
    await up.killChild('control-plane');
    process.kill(postgresPid, 'SIGKILL');
    const containers = await Promise.all(before.map(({ id }) => containerOfTask(id)));
    await Promise.all(containers.map((id) => docker.getContainer(id ?? '').kill()));
    // left to itself the engine would give its address, the lowest of all, to whoever comes first
    await stranger?.remove({ force: true });
    const answersOf = async (): Promise<string[]> => Promise.all(apps.map(bodyOf));
    try {
      await until('both to answer again', async () => (await answersOf()).every(Boolean), {
        withinMs: 90_000,
      });
      for (let round = 0; round < 20; round += 1) {
        expect((await answersOf()).map((text) => text.split(' ')[0])).toEqual(apps);
      }
    } finally {
      // also after a failure: somebody must end the agent and the proxy
      up = await LongrunUp.start({ dataDir, ports });
      await up.ready();
    }
    const after = (await Promise.all(apps.map((id) => up.settled(id, 2)))).flat();
    const addressesOf = (tasks: typeof before): string[] =>
      tasks.map(({ appId, ipAddresses }) => `${appId} ${ipAddresses[0]?.ipAddress}`).sort();
    expect(addressesOf(after)).toEqual(addressesOf(before));
  }, 300_000);
});
