// Hostile requests at every write endpoint of a control plane process with a real Postgres: definitions whose members were replaced
// by what nobody expects, texts that are no JSON, odd paths and parameters. Whatever is sent: never a 5xx, never a lost office, an
// answer soon, and what was accepted can be read and posted again. LONGRUN_FUZZ_RUNS and LONGRUN_FUZZ_SEED ask for more and others.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { request } from 'node:http';
import { tempDatabase, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { hostileRequest, SECRET } from './hostile-requests.js';

jest.setTimeout(600_000);

const RUNS = Number(process.env['LONGRUN_FUZZ_RUNS'] ?? 1_500);
const SEED = Number(process.env['LONGRUN_FUZZ_SEED'] ?? 20_261_122);
const MEMORY_BYTES_MAX = 600 * 1024 * 1024;
const ANSWER_MS_MAX = 10_000;

let folder: string;
let database: TempDatabase;
let running: ControlPlaneProcess;

beforeAll(async () => {
  folder = compileControlPlane();
  database = await tempDatabase();
  running = await ControlPlaneProcess.start(folder, database.url);
});
afterAll(async () => {
  await running.end('SIGKILL');
  await database.drop();
  removeFolder(folder);
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Not fetch: it would tidy the path. */
function send(method: string, target: string, headers: object, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: running.port,
        method,
        path: target,
        // for a DELETE node would send a body without its length, which is no HTTP
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(method === 'GET' ? '' : body),
          ...headers,
        },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on('error', reject);
      },
    );
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error(`no answer to ${method} ${target}`)));
    sent.on('error', reject);
    sent.end(method === 'GET' ? '' : body);
  });
}

async function residentBytes(): Promise<number> {
  const { gauges } = (await running.send('GET', '/metrics')).body as {
    gauges: Record<string, { value: number }>;
  };
  return gauges['longrun_process_resident_memory_bytes']?.value ?? Infinity;
}

describe('the API under hostile requests', () => {
  it('answers each of them, and stays in office', async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(hostileRequest, async ({ method, path: target, body, headers }) => {
        const { status, text } = await send(method, target, headers, body);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500) throw new Error(`${status} ${text}`);
        if (status >= 400) expect(typeof (JSON.parse(text) as { message: unknown }).message).toBe('string');
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    expect(running.log).not.toContain('no longer leads');
    expect(running.log).not.toContain(SECRET);
    expect(await residentBytes()).toBeLessThan(MEMORY_BYTES_MAX);
    // enough of them got past the readers
    expect((statuses.get(200) ?? 0) + (statuses.get(201) ?? 0)).toBeGreaterThan(RUNS / 50);
  });

  it('shows what it accepted in a form that it accepts again', async () => {
    const { apps } = (await running.send('GET', '/v2/apps')).body as { apps: Record<string, unknown>[] };
    for (const app of apps) {
      const { status } = await running.send(
        'PUT',
        `/v2/apps${String(app['id'])}?force=true&partialUpdate=false`,
        app,
      );
      expect([app['id'], status]).toEqual([app['id'], 200]);
    }
  });

  it('ignores the offer of another protocol, as of HTTP/2', async () => {
    const offer = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' };
    const body = JSON.stringify({ id: '/offered', cmd: 'sleep 1', instances: 0 });
    expect((await send('POST', '/v2/apps', offer, body)).status).toBe(201);
  });

  it('takes thousands of apps in one call, and stays in office', async () => {
    await running.send('DELETE', '/v2/groups?force=true');
    const many = Array.from({ length: 4_000 }, (_, at) => ({
      id: `/many/a${at}`,
      cmd: 'sleep 1',
      instances: 0,
      portDefinitions: [],
    }));
    expect((await running.send('PUT', '/v2/apps', many)).status).toBe(200);
    expect((await running.send('PUT', '/v2/apps', [...many, { id: '/many/b' }])).status).toBe(422);
    expect(running.log).not.toContain('no longer leads');
  });
});
