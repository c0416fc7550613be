// Two real clients as Debian ships them, unchanged: marathon-python drives an app through its life, and Prometheus finds its tasks by
// `marathon_sd_configs` and scrapes them. They are strict readers: an unknown member or event type stops the first, a wrong type the second.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePorts, until } from '#libs/testkit';
import { LongrunUp } from './longrun-up.js';

/** The system's Python: Debian's packages belong to it, whatever other Python comes first in PATH. */
const PYTHON = '/usr/bin/python3';
const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const hasPythonClient = works(PYTHON, '-c', 'import marathon');
const hasPrometheus = works('prometheus', '--version');
if (!hasPythonClient) process.stderr.write('!!! SKIPPED: marathon-python (apt install python3-marathon)\n');
if (!hasPrometheus) process.stderr.write('!!! SKIPPED: Prometheus (apt install prometheus)\n');

type Step = Readonly<Record<string, unknown>> & { readonly step: string };

describe('clients', () => {
  let up: LongrunUp;
  beforeAll(async () => {
    up = await LongrunUp.start();
    await up.ready();
  }, 300_000);
  afterAll(async () => up?.dispose(), 120_000);

  (hasPythonClient ? describe : describe.skip)('marathon-python', () => {
    it('creates, scales, updates, rolls back, kills and deletes, and reads every event', async () => {
      const steps = await session(up.url);
      const step = (name: string): Step => steps.find((each) => each.step === name) ?? { step: `no ${name}` };
      expect(step('server')).toMatchObject({
        ping: '"pong"',
        leader: `127.0.0.1:${up.ports.api}`,
        metrics: true,
      });
      expect(step('create')).toMatchObject({
        id: '/python/web',
        tasks: 2,
        healthy: 2,
        labels: { team: 'blue' },
      });
      expect(step('create')).toMatchObject({ embedded: 2 });
      expect(step('scale')).toMatchObject({ tasks: 4, instances: 4 });
      expect(step('update')).toMatchObject({
        env: { GREETING: 'good evening' },
        replaced: true,
        changed: true,
      });
      expect(step('roll back')).toMatchObject({ versions: 4, env: { GREETING: 'hello' }, instances: 2 });
      expect(step('kill and scale')).toMatchObject({ instances: 1, gone: true });
      expect(step('many')).toMatchObject({ labels: { team: 'green' }, endpoints: 1, queue: 0 });
      expect(step('groups')).toMatchObject({ instances: 2 });
      expect(step('errors')).toMatchObject({ refused: [409, 404] });
      expect(step('delete')).toMatchObject({ left: [] });
      expect(step('delete')['events']).toEqual(
        expect.arrayContaining([
          'api_post_event',
          'app_terminated_event',
          'deployment_info',
          'deployment_step_success',
          'deployment_success',
          'group_change_success',
          'health_status_changed_event',
          'instance_changed_event',
          'status_update_event',
        ]),
      );
      expect(JSON.stringify(step('delete')['events'])).not.toContain('ended:');
    }, 300_000);
  });

  (hasPrometheus ? describe : describe.skip)('Prometheus', () => {
    let prometheus: ChildProcess | undefined;
    let folder = '';
    afterEach(async () => {
      prometheus?.kill('SIGTERM');
      await until('prometheus to end', () => prometheus?.exitCode !== null || prometheus.signalCode !== null);
      rmSync(folder, { recursive: true, force: true });
    });

    it('discovers tasks, follows scaling and scrapes them; and scrapes Longrun itself', async () => {
      folder = mkdtempSync(join(tmpdir(), 'longrun-prometheus-'));
      const [port = 0] = await freePorts(1);
      writeFileSync(join(folder, 'prometheus.yml'), configuration(up));
      prometheus = spawn(
        'prometheus',
        [
          `--config.file=${join(folder, 'prometheus.yml')}`,
          `--storage.tsdb.path=${join(folder, 'data')}`,
          `--web.listen-address=127.0.0.1:${port}`,
        ],
        { stdio: 'ignore' },
      );
      const query = async (text: string): Promise<readonly Sample[]> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`;
        const answer = (await (await fetch(url)).json()) as { data: { result: Sample[] } };
        return answer.data.result;
      };
      const scraped = (count: number): Promise<readonly Sample[]> =>
        until(
          `${count} tasks to be scraped`,
          async () => {
            const samples = await query('example_requests_total');
            return samples.length === count ? samples : null;
          },
          { withinMs: 90_000, everyMs: 200 },
        );

      await up.api.post('/v2/apps', measured('/observed', 2));
      await up.settled('/observed', 2);
      const samples = await scraped(2);
      const tasks = await up.tasks('/observed');
      expect(samples.map(({ metric }) => metric['task']).sort()).toEqual(tasks.map(({ id }) => id).sort());
      expect(samples[0]?.metric).toMatchObject({ app: '/observed', team: 'blue', job: 'tasks' });
      await up.api.put('/v2/apps/observed', { instances: 3 });
      await scraped(3);
      await until('Longrun to be scraped', async () => (await query('up{job="longrun"} == 1')).length === 1, {
        withinMs: 30_000,
      });
      await up.api.delete('/v2/apps/observed');
    }, 300_000);
  });
});

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
}

/** Runs the Python session; its steps, or what it said when it failed. */
async function session(url: string): Promise<readonly Step[]> {
  const child = spawn(PYTHON, [resolve('test/e2e/clients/marathon_session.py'), url], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const status = await new Promise<number | null>((done) => child.once('close', done));
  if (status !== 0) throw new Error(`the session ended with ${status}:\n${output}\n${errors}`);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Step);
}

/** As in Prometheus' own documentation for Marathon: apps by embedded tasks, labels of the app as labels of the target. */
const configuration = ({ url, ports }: LongrunUp): string => `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: tasks
    marathon_sd_configs:
      - servers: ['${url}']
        refresh_interval: 1s
    relabel_configs:
      - { source_labels: [__meta_marathon_app], regex: /observed, action: keep }
      - { source_labels: [__meta_marathon_app], target_label: app }
      - { source_labels: [__meta_marathon_task], target_label: task }
      - { source_labels: [__meta_marathon_app_label_team], target_label: team }
  - job_name: longrun
    static_configs:
      - targets: ['127.0.0.1:${ports.api}']
`;

const measured = (id: string, instances: number): object => ({
  id,
  instances,
  cpus: 0.05,
  mem: 64,
  labels: { team: 'blue' },
  cmd: `exec ${process.execPath} -e "require('node:http').createServer((q,s)=>s.end('example_requests_total 1\\n')).listen(process.env.PORT0)"`,
});
