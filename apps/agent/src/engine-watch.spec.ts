// An engine that comes later than the agent, behind a real unix socket.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#libs/testkit';
import { ManualClock } from '#libs/time';
import { EngineWatch } from './engine-watch.js';

let folder: string;
let server: Server;
let status = 200;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-engine-'));
  status = 200;
  server = createServer((request, response) =>
    response.writeHead(request.url === '/_ping' ? status : 404).end('OK'),
  );
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const socket = (): string => join(folder, 'docker.sock');
const listening = (): Promise<void> => new Promise((resolve) => server.listen(socket(), resolve));

describe('the engine watch', () => {
  it('finds an engine that is there at the first look', async () => {
    await listening();
    let found = 0;
    await new EngineWatch(new ManualClock(), socket(), async () => void (found += 1)).look();
    expect(found).toBe(1);
  });

  it('finds one that comes later, once, and asks no more then', async () => {
    const clock = new ManualClock();
    let found = 0;
    const watch = new EngineWatch(clock, socket(), async () => void (found += 1));
    await watch.look();
    expect(found).toBe(0);
    status = 503;
    await listening();
    clock.advance(5_000);
    await until('the second look to be over', () => clock.nextAt());
    expect(found).toBe(0);
    status = 200;
    clock.advance(5_000);
    await until('the engine to be found', () => found);
    expect(clock.nextAt()).toBeNull();
  });

  it('says nothing any more when it is closed', async () => {
    const clock = new ManualClock();
    const watch = new EngineWatch(clock, socket(), () => Promise.reject(new Error('found after the end')));
    await watch.look();
    watch.close();
    expect(clock.nextAt()).toBeNull();
  });
});
