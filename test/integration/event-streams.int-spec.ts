// Event streams through restarts: 20 clients that come and go at random with their cursors, 500 changes, a control plane that is killed
// three times meanwhile, and one client that does not read. Nobody misses or doubles an event of those that Postgres has in the end.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import pg from 'pg';
import { MARATHON_EVENT_TYPES } from '#libs/events';
import { tempDatabase, until, type TempDatabase } from '#libs/testkit';
import { compileControlPlane, ControlPlaneProcess, removeFolder } from './control-plane-process.js';
import { EventConsumer, type ConsumerOptions, type Received } from './event-consumer.js';

jest.setTimeout(180_000);

const CONSUMERS = 20;
const CHANGES = 500;
const KILLS = 3;
const APPS = 8;
const MIB = 1024 * 1024;
/** Makes some events large, so that sockets fill up. */
const LARGE_LABEL = 'x'.repeat(50_000);

/** Prints its seed, so that a failure can be looked at again. */
function randomNumbers(): () => number {
  let state = Number(process.env['LONGRUN_TEST_SEED'] ?? Date.now() % 1_000_000);
  process.stderr.write(`event-streams seed: LONGRUN_TEST_SEED=${state}\n`);
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Kind {
  readonly path: string;
  readonly wants: (type: string) => boolean;
}
const isMarathons = (type: string): boolean => (MARATHON_EVENT_TYPES as readonly string[]).includes(type);
const KINDS: readonly Kind[] = [
  { path: '/v2/events', wants: isMarathons },
  { path: '/v3/events', wants: () => true },
  { path: '/v2/events?plan-format=light', wants: isMarathons },
  {
    path: '/v2/events?event_type=api_post_event&event_type=deployment_success',
    wants: (type) => type === 'api_post_event' || type === 'deployment_success',
  },
];

describe('event streams', () => {
  let folder: string;
  let database: TempDatabase;
  let server: ControlPlaneProcess;
  let consumers: EventConsumer[] = [];
  beforeAll(() => void (folder = compileControlPlane()));
  afterAll(() => removeFolder(folder));
  beforeEach(async () => {
    database = await tempDatabase();
    server = await ControlPlaneProcess.start(folder, database.url);
  });
  afterEach(async () => {
    for (const each of consumers) each.stop();
    await server.end('SIGKILL');
    await database.drop();
  });

  /** Retried until it is taken: what was answered with 2xx must be there, whatever happens to the server. */
  const change = async (app: number, label: string): Promise<void> => {
    const body = { cmd: 'sleep 1', instances: 0, labels: { label } };
    let refused = '';
    await until(
      `change ${label.slice(0, 9)}`,
      async () => {
        const { status, body: answer } = await server.send(
          'PUT',
          `/v2/apps/shop/app-${app}?force=true`,
          body,
        );
        if (status >= 400 && status < 500) refused = JSON.stringify(answer);
        return status < 300 || refused !== '';
      },
      { withinMs: 60_000 },
    );
    expect(refused).toBe('');
  };

  const storedEvents = async (): Promise<Received[]> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ number: string; type: string }>(
      'select number, type from events order by number',
    );
    await client.end();
    return rows.map(({ number, type }) => ({ number: Number(number), type }));
  };

  const heldBytes = async (): Promise<number> => {
    const { body } = await server.send('GET', '/metrics', undefined, { accept: 'text/plain' });
    return Number(/^longrun_event_streams_held_bytes (\d+)/m.exec(String(body))?.[1] ?? NaN);
  };

  /** Opens a stream from the beginning and reads nothing of it. */
  const openDeaf = async (): Promise<IncomingMessage> => {
    const headers = { accept: 'text/event-stream', 'last-event-id': '0' };
    const sent = request(`${server.url}/v3/events`, { agent: false, headers }).end();
    sent.on('error', () => undefined);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined);
    return answer.pause();
  };

  it('lose and double nothing through 500 changes, 3 times kill -9 and reconnections at random', async () => {
    const began = performance.now();
    const random = randomNumbers();
    consumers = Array.from({ length: CONSUMERS }, (_, index) => {
      const { path } = KINDS[index % KINDS.length] as Kind;
      const options: ConsumerOptions = {
        url: server.url,
        path,
        cursorIn: index % 2 ? 'query' : 'header',
        patience: () => Math.floor(random() ** 2 * 1_000_000),
      };
      return new EventConsumer(options);
    });
    let deaf = await openDeaf();
    let done = 0;
    const changing = Promise.all(
      Array.from({ length: APPS }, async (_, app) => {
        for (let at = app; at < CHANGES; at += APPS) {
          await change(app, at % 10 ? `${at}` : `${at} ${LARGE_LABEL}`);
          done += 1;
        }
      }),
    );
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const at = Math.floor((CHANGES * (kill - 0.5 + random())) / (KILLS + 1));
      await until(`change ${at}`, () => done >= at, { withinMs: 60_000 });
      await server.end('SIGKILL');
      await server.start();
      deaf = await openDeaf();
    }
    await changing;
    await until('deployments to end', async () => {
      const { body } = await server.send('GET', '/v2/deployments');
      return Array.isArray(body) && body.length === 0;
    });

    // the counter is the last thing of a commit, so what is stored now is what was ever told
    const stored = await storedEvents();
    expect(stored.map(({ number }) => number)).toEqual(stored.map((_, index) => index + 1));
    const wanted = KINDS.map(({ wants }) => stored.filter(({ type }) => wants(type)));
    await until(
      'everybody to have the newest event',
      () => {
        const behind = consumers.flatMap((each, index) => {
          const newest = wanted[index % KINDS.length]?.at(-1)?.number;
          return each.cursor === newest ? [] : [`${index}: ${each.cursor} of ${newest}`];
        });
        if (behind.length) throw new Error(behind.join(', '));
        return true;
      },
      { withinMs: 60_000 },
    );
    for (const [index, each] of consumers.entries()) {
      each.stop();
      expect(each.complaints).toEqual([]);
      expect(each.received).toEqual(wanted[index % KINDS.length]);
      expect(each.connections).toBeGreaterThan(KILLS);
    }

    // the one so far may have been closed: more than 1024 events wait for it
    deaf.destroy();
    deaf = await openDeaf();
    // more than the sockets' buffers take, so that the rest waits in the server, or rather does not
    for (let at = 1; at <= 40; at += 1) await change(at % APPS, `${at} ${LARGE_LABEL.repeat(10)}`);
    await until('the deaf client to be blocked', async () => (await heldBytes()) > 0);
    expect(await heldBytes()).toBeLessThan(MIB / 2);
    expect(deaf.closed).toBe(false);
    process.stderr.write(
      `${stored.length} events, ${consumers.reduce((sum, each) => sum + each.connections, 0)} connections, ` +
        `${await heldBytes()} bytes held for the client that does not read, ${Math.round((performance.now() - began) / 1000)} s\n`,
    );
    deaf.destroy();
  });

  it('answer a cursor that nobody can go on from with 410 or 400, and HEAD without a stream', async () => {
    const status = async (cursor: string): Promise<number> =>
      (
        await server.send('GET', '/v2/events', undefined, {
          accept: 'text/event-stream',
          'last-event-id': cursor,
        })
      ).status;
    await change(1, 'a');
    expect(await status('1000000')).toBe(410);
    expect(await status('yesterday')).toBe(400);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('delete from events where number <= 2');
    await client.end();
    expect(await status('1')).toBe(410);
    expect((await server.send('HEAD', '/v2/events', undefined, { accept: 'text/event-stream' })).status).toBe(
      200,
    );
  });
});
