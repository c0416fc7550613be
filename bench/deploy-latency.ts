// How long from the REST request to the first routed answer, for a cmd app and for a Docker app, and from kill -9 to the replacement routed;
// beside the limit: the same server spawned bare, and the same container created and started by dockerode, in the same run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import Docker from 'dockerode';
import { findOrStartDocker, freePort, importBusyboxImage } from '#libs/testkit';
import { dockerHttpApp, killTaskOf } from '../test/e2e/docker-app.js';
import { httpApp, httpCommand, LongrunUp } from '../test/e2e/longrun-up.js';
import { figures, type Figure } from './figures.js';

const ROUNDS = Number(process.env['LONGRUN_BENCH_ROUNDS'] ?? 15);

async function answers(url: string, wanted: (text: string) => boolean = () => true): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(url);
      if (wanted(await response.text()) && response.status === 200) return;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function timed(what: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await what();
  return performance.now() - startedAt;
}

async function bareSpawn(): Promise<number> {
  const port = await freePort();
  const child = spawn('/bin/sh', ['-c', httpCommand()], {
    env: { PORT0: String(port), MESOS_TASK_ID: 'bare' },
    stdio: 'ignore',
  });
  const ms = await timed(() => answers(`http://127.0.0.1:${port}/`));
  child.kill('SIGKILL');
  await once(child, 'exit');
  return ms;
}

async function bareContainer(docker: Docker, image: string): Promise<number> {
  const port = await freePort();
  let id = '';
  const ms = await timed(async () => {
    const container = await docker.createContainer({
      Image: image,
      Cmd: ['/bin/sh', '-c', 'mkdir -p /www && echo bare > /www/index.html && exec httpd -f -p 80 -h /www'],
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: String(port) }] }, Init: true },
    });
    id = container.id;
    await container.start();
    await answers(`http://127.0.0.1:${port}/`);
  });
  await docker.getContainer(id).remove({ force: true });
  return ms;
}

async function deployed(up: LongrunUp, body: object, id: string): Promise<number> {
  const ms = await timed(async () => {
    await up.api.post('/v2/apps', body);
    await answers(`${up.proxyUrl}/_app${id}/`);
  });
  const { deploymentId } = await up.api.delete<{ deploymentId: string }>(`/v2/apps${id}`);
  await up.deploymentEnded(deploymentId);
  return ms;
}

/** From kill -9 of the only task until another one answers through the proxy. */
async function replaced(up: LongrunUp, id: string): Promise<number> {
  const [task] = await up.settled(id, 1);
  if (!task) throw new Error(`no task of ${id}`);
  return timed(async () => {
    await killTaskOf(up, task);
    await answers(`${up.proxyUrl}/_app${id}/`, (text) => !text.includes(task.id) && /\S/.test(text));
  });
}

async function repeat(what: () => Promise<number>): Promise<number[]> {
  const all: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const ms = await what();
    if (round > 0) all.push(ms); // the first one warms up
  }
  return all;
}

const found = await findOrStartDocker();
const docker = 'missing' in found ? null : found;
if (docker) process.env['DOCKER_HOST'] = `unix://${docker.socketPath}`;
const up = await (await LongrunUp.start()).ready();
const rows: Figure[] = [];
const quick = {
  instances: 1,
  backoffSeconds: 0,
  healthChecks: [{ protocol: 'HTTP', path: '/', intervalSeconds: 1, gracePeriodSeconds: 30 }],
};
try {
  rows.push({ what: 'bare spawn until it answers', ms: await repeat(bareSpawn) });
  rows.push({
    what: 'cmd app, request until routed',
    ms: await repeat(() => deployed(up, httpApp('/bench/cmd', quick), '/bench/cmd')),
  });
  await up.api.post('/v2/apps', httpApp('/bench/kill', quick));
  rows.push({
    what: 'cmd task, kill -9 until replaced and routed',
    ms: await repeat(() => replaced(up, '/bench/kill')),
  });
  if (docker) {
    const engine = new Docker({ socketPath: docker.socketPath });
    const { image } = await importBusyboxImage(docker);
    const body = await dockerHttpApp('/bench/docker', quick);
    rows.push({
      what: 'bare dockerode create and start until it answers',
      ms: await repeat(() => bareContainer(engine, image)),
    });
    rows.push({
      what: 'Docker app, request until routed',
      ms: await repeat(() => deployed(up, body, '/bench/docker')),
    });
    await up.api.post('/v2/apps', await dockerHttpApp('/bench/kill-docker', quick));
    rows.push({
      what: 'Docker task, kill -9 until replaced and routed',
      ms: await repeat(() => replaced(up, '/bench/kill-docker')),
    });
  }
} finally {
  await up.dispose();
  if (docker) await docker.stop();
}
process.stdout.write(figures(rows));
