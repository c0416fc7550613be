// What happens to the apps, the proxy and its certificate while the load runs. Three lanes at the same time: updates of one app; scaling,
// kills and labels of another; certificate and processes of the proxy. Each waits for its last change before the next.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { DeploymentAnswer } from '#libs/api-client';
import { selfSigned, until } from '#libs/testkit';
import type { LongrunUp } from '../../test/e2e/longrun-up.js';

export const UPDATED = '/zero/updated';
export const SCALED = '/zero/scaled';
export const hostOf = (app: string): string => `${app.split('/').at(-1)}.example`;
/** Added to SCALED on the way. */
export const LATE_HOST = 'late.example';

export interface Amounts {
  readonly updates: number;
  /** Each down and up again. */
  readonly scalings: number;
  readonly kills: number;
  readonly instances: number;
  readonly drainSeconds: number;
}

const labelsOf = (id: string, { drainSeconds }: Amounts, more = {}): Record<string, string> => ({
  HAPROXY_GROUP: 'external',
  HAPROXY_0_VHOST: hostOf(id),
  'longrun.io/drain-seconds': String(drainSeconds),
  ...more,
});

export const appOf = (id: string, service: string, amounts: Amounts): object => ({
  id,
  cmd: `exec ${process.execPath} ${service}`,
  env: { RELEASE: '0' },
  instances: amounts.instances,
  ...{ cpus: 0.05, mem: 64, backoffSeconds: 0, taskKillGracePeriodSeconds: 2 },
  portDefinitions: [{ port: 0, name: 'http' }],
  labels: labelsOf(id, amounts),
  healthChecks: [
    {
      ...{ protocol: 'HTTP', path: '/', portIndex: 0, gracePeriodSeconds: 60 },
      ...{ intervalSeconds: 1, timeoutSeconds: 10, maxConsecutiveFailures: 10 },
    },
  ],
});

const change = async (up: LongrunUp, answer: Promise<DeploymentAnswer>): Promise<void> =>
  up.deploymentEnded((await answer).deploymentId);

export async function rollingUpdates(up: LongrunUp, amounts: Amounts): Promise<void> {
  for (let release = 1; release <= amounts.updates; release += 1) {
    const body = { env: { RELEASE: String(release) } };
    await change(up, up.api.put<DeploymentAnswer>(`/v2/apps${UPDATED}`, body));
  }
}

export async function scalingsAndKills(up: LongrunUp, amounts: Amounts): Promise<void> {
  const { instances } = amounts;
  for (let round = 0; round < Math.max(amounts.scalings, amounts.kills); round += 1) {
    for (const count of round < amounts.scalings ? [instances - 1, instances] : []) {
      const answer = up.api.put<DeploymentAnswer>(`/v2/apps${SCALED}`, { instances: count });
      await change(up, answer);
    }
    if (round < amounts.kills) await killOne(up, instances);
  }
}

/** By the API: a person's kill. */
async function killOne(up: LongrunUp, instances: number): Promise<void> {
  const [victim] = await up.settled(SCALED, instances);
  if (!victim) throw new Error(`no task of ${SCALED}`);
  await up.api.delete(`/v2/apps${SCALED}/tasks/${victim.id}`);
  await until(
    `${victim.id} to be gone`,
    async () => !(await up.tasks(SCALED)).some(({ id }) => id === victim.id),
    {
      withinMs: 60_000,
    },
  );
  await up.settled(SCALED, instances);
}

export async function labelChanges(up: LongrunUp, amounts: Amounts): Promise<void> {
  const first = { 'longrun.io/silence-timeout': '2m' };
  const second = { ...first, HAPROXY_0_VHOST: `${hostOf(SCALED)},${LATE_HOST}` };
  for (const more of [first, second]) {
    const body = { labels: labelsOf(SCALED, amounts, more) };
    await change(up, up.api.put<DeploymentAnswer>(`/v2/apps${SCALED}`, body));
  }
}

/** Self-signed, with chain and key in one file, put in place in one step. */
export function writeCertificate(folder: string, name: string): void {
  const { pem } = selfSigned([name, ...[UPDATED, SCALED].map(hostOf), LATE_HOST]);
  const aside = join(folder, 'both');
  writeFileSync(aside, pem, { mode: 0o600 });
  renameSync(aside, join(folder, 'front.pem'));
}

/** Replaced on disk; resolves when new connections get it from every process of the proxy. */
export async function certificateReplaced(folder: string, port: number, name: string): Promise<void> {
  writeCertificate(folder, name);
  let inARow = 0;
  await until(
    'the new certificate',
    async () => {
      inARow = (await commonName(port)) === name ? inARow + 1 : 0;
      return inARow >= 8;
    },
    { withinMs: 60_000, everyMs: 50 },
  );
}

function commonName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: hostOf(UPDATED),
      rejectUnauthorized: false,
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}
