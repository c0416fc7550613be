// The API against its own description: for every operation of /docs/json, values of its schemas, at their edges and beyond them, for ids
// that exist and that do not. Never a 5xx, only documented statuses, errors of one shape, answers as they are described, and at the end
// the same process, in office, with all it stores readable. LONGRUN_FUZZ_RUNS (20000 takes some minutes) and LONGRUN_FUZZ_SEED.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { request } from 'node:http';
import type { Agent } from '#libs/agent-core';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { startFakeRuntimeAgent } from './fake-runtime-agent.js';
import { KnownThings } from './known-things.js';
import { contentOf, draftOf, operationsOf, type Draft, type Operation } from './openapi-requests.js';
import { schemaFaults } from './schema-faults.js';
import type { Schema, Schemas } from './schema-arbitraries.js';

jest.setTimeout(1_800_000);

const RUNS = Number(process.env['LONGRUN_FUZZ_RUNS'] ?? 1_500);
const SEED = Number(process.env['LONGRUN_FUZZ_SEED'] ?? 20_261_122);
const ANSWER_MS_MAX = 20_000;
/** One that is found often should not hide the others. */
const FAULTS_MAX = 10;
/** These end what the others need; each has specs of its own. */
const LEFT_OUT = ['POST /v3/shutdown', 'DELETE /v2/leader', 'GET /v3/agents/session'];
/** The agent of a log may be away: documented as 503. */
const MAY_BE_AWAY = /\/logs$/;

let folder: string;
let database: TempDatabase;
let running: ControlPlaneProcess;
let agent: Agent;
let operations: readonly Operation[];
let schemas: Schemas;

beforeAll(async () => {
  folder = compileControlPlane();
  database = await tempDatabase();
  running = await ControlPlaneProcess.start(folder, database.url);
  agent = await startFakeRuntimeAgent(running.url, 'agent-token');
  await until('the agent', async () => {
    const { agents } = (await running.send('GET', '/v3/agents')).body as { agents: unknown[] };
    return agents.length === 1;
  });
  ({ operations, schemas } = operationsOf((await running.send('GET', '/docs/json')).body as Schema));
});
afterAll(async () => {
  await agent.close();
  await running.end('SIGKILL');
  await database.drop();
  removeFolder(folder);
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly tagged: boolean;
  readonly text: string;
}

/** Not fetch: it would tidy the path. A stream is let go once it has begun. */
function send(
  method: string,
  target: string,
  needsToken: boolean,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: running.port,
        method,
        path: target,
        headers: {
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...(needsToken ? { authorization: 'Bearer proxy-token' } : {}),
          ...headers,
        },
      },
      (answer) => {
        let text = '';
        const type = String(answer.headers['content-type'] ?? '');
        const end = (): void =>
          resolve({ status: answer.statusCode ?? 0, type, tagged: answer.headers.etag !== undefined, text });
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', end);
        answer.on('error', reject);
        const isStream = /event-stream|ndjson/.test(type) || /[?&]follow=true/i.test(target);
        if (!isStream || answer.statusCode !== 200) return;
        answer.removeAllListeners('error').on('error', () => undefined);
        answer.destroy();
        end();
      },
    );
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error(`no answer to ${method} ${target}`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** All that is wrong with an answer. */
function faultsOf(
  { operation, isPlain, target }: Draft,
  { status, type, text, tagged }: Answer,
): readonly string[] {
  const mayBeAway = status === 503 && MAY_BE_AWAY.test(operation.path);
  if (status >= 500 && !mayBeAway) return ['a 5xx'];
  const documented = operation.responses[status];
  const faults = isPlain && !documented && !mayBeAway ? [`${status} is not documented`] : [];
  if (status >= 400) return [...faults, ...errorFaults(status, type, text)];
  if (!isPlain) return faults;
  const schema = contentOf(documented);
  const hasTag = operation.method === 'GET' && status === 200 && operation.responses['304'] !== undefined;
  return [
    ...faults,
    ...(hasTag && !tagged && !target.includes('taskStats') ? ['no ETag'] : []),
    ...(schema && type.startsWith('application/json') ? schemaFaults(JSON.parse(text), schema, schemas) : []),
    ...(schema && text === '' ? ['no body'] : []),
  ];
}

function errorFaults(status: number, type: string, text: string): readonly string[] {
  if (!type.startsWith('application/json')) return [`an error as ${type}`];
  const body = JSON.parse(text) as { message?: unknown; details?: unknown; deployments?: unknown };
  return [
    ...schemaFaults(body, schemas['Error'] ?? {}, schemas),
    ...(body.message === '' ? ['an empty message'] : []),
    ...(status === 400 && Array.isArray(body.details) ? ['a list as details of 400'] : []),
    ...(status === 422 && typeof body.details === 'string' ? ['a text as details of 422'] : []),
    ...(status !== 409 && body.deployments !== undefined ? ['deployments without a lock'] : []),
  ];
}

const startOfProcess = async (): Promise<number | undefined> => {
  const { gauges } = (await running.send('GET', '/metrics')).body as {
    gauges: Record<string, { value: number }>;
  };
  return gauges['longrun_process_start_time_seconds']?.value;
};

/** Documented as a path that holds nothing. */
const uriNotFound = ({ responses }: Operation): boolean =>
  JSON.stringify(responses['404'] ?? {}).includes('uri-not-found');
const patternOf = ({ path }: Operation): RegExp =>
  new RegExp(`^${path.replaceAll('*', '\\*').replaceAll(/\{\w+\}/g, '.+')}$`);
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Streams answer 405 without their Accept header. */
const isStream = ({ path }: Operation): boolean => path.endsWith('/events');

describe('the API against its own description', () => {
  it('has every documented operation, and no other', async () => {
    const paths = [...new Set(operations.map(({ path }) => path))];
    const wrong: string[] = [];
    for (const path of paths) {
      for (const method of METHODS) {
        const documented = operations.find((each) => each.method === method && each.path === path);
        if (LEFT_OUT.includes(`${method} ${path}`) || (documented && isStream(documented))) continue;
        const target = path.replaceAll(/\{\w+\}/g, 'a');
        const body = method === 'GET' || method === 'DELETE' ? undefined : '{}';
        const { status, text } = await send(method, target, documented?.needsToken ?? false, {}, body);
        const isThere = status !== 405 && !(status === 404 && text.includes('URI not found'));
        const isSaidToBe = documented !== undefined && !uriNotFound(documented);
        // ids hold slashes: what is no path of its own may be another operation's id
        const isAnId = operations.some((each) => each.method === method && patternOf(each).test(target));
        if (isThere !== isSaidToBe && !(isThere && isAnId)) wrong.push(`${method} ${path}: ${status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it(`answers ${RUNS} requests drawn from it as it is described (seed ${SEED})`, async () => {
    const bornAt = await startOfProcess();
    const things = new KnownThings(running);
    const chosen = operations.filter(({ method, path }) => !LEFT_OUT.includes(`${method} ${path}`));
    const writes = chosen.filter(
      ({ body, method }) => body !== undefined || method === 'DELETE' || method === 'POST',
    );
    const drafts = (of: readonly Operation[]): fc.Arbitrary<Draft> =>
      fc.oneof(...of.flatMap((each) => [5, 60, 2_000].map((odds) => draftOf(each, schemas, odds))));
    const statuses = new Map<string, number>();
    const found: string[] = [];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          { arbitrary: drafts(writes.filter(({ body }) => body !== undefined)), weight: 6 },
          { arbitrary: drafts(writes), weight: 2 },
          { arbitrary: drafts(chosen), weight: 2 },
        ),
        async (draft) => {
          await things.refresh();
          const { method, needsToken } = draft.operation;
          const target = things.fill(draft.target, (text) =>
            text.split('/').map(encodeURIComponent).join('/'),
          );
          const body = draft.body === undefined ? undefined : things.fill(draft.body);
          const answer = await send(method, target, needsToken, draft.headers, body);
          const faults = faultsOf(draft, answer);
          const kind = `${draft.operation.method} ${Math.floor(answer.status / 100)}xx`;
          statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
          if (!faults.length) return;
          const sent = `${method} ${target} ${JSON.stringify(draft.headers)} ${(body ?? '').slice(0, 2_000)}`;
          found.push(
            `${faults.slice(0, 5).join('; ')}\n${sent}\n${answer.status} ${answer.text.slice(0, 2_000)}`,
          );
          if (answer.status >= 500 || found.length >= FAULTS_MAX) throw new Error(found.join('\n\n'));
        },
      ),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    expect(found).toEqual([]);
    const shown = [...statuses].sort().map(([kind, count]) => `${kind}: ${count}`);
    process.stderr.write(`fuzz from OpenAPI, seed ${SEED}, ${RUNS} requests: ${shown.join(', ')}\n`);
    expect(await startOfProcess()).toBe(bornAt);
    expect(running.log).not.toContain('no longer leads');
    const { status, body } = await running.send('GET', '/v2/apps?embed=apps.tasks');
    expect([status, Array.isArray((body as { apps: unknown }).apps)]).toEqual([200, true]);
    // enough of them got past the readers
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect([method, statuses.get(`${method} 2xx`) ?? 0]).toEqual([method, expect.any(Number)]);
      expect(statuses.get(`${method} 2xx`) ?? 0).toBeGreaterThan(RUNS / 200);
    }
  });
});
