import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PROTOCOL_VERSION } from '#libs/agent-protocol';
import { readFrame } from './agent-frame.js';

const agent = {
  id: 'agent-1',
  hostname: 'host',
  address: '10.0.0.1',
  attributes: { rack: 'a' },
  resources: { cpus: 2, mem: 1024, disk: 0, ports: [{ from: 31_000, to: 32_000 }] },
  runtimes: ['process'],
  version: '1',
  warnings: [],
};
const hello = { type: 'hello', protocol: PROTOCOL_VERSION, cluster: null, agent, run: 1, epoch: 0 };
const status = {
  instanceId: 'i',
  appId: '/a',
  taskId: 't',
  incarnation: 1,
  run: 1,
  sequence: 1,
  phase: 'running',
  since: 1,
  health: [null, { alive: true, consecutiveFailures: 0 }],
  accepting: true,
  ipAddresses: [],
  autonomous: false,
};
const read = (frame: unknown): unknown => readFrame(JSON.stringify(frame));

describe('readFrame', () => {
  it('takes what agents say', () => {
    for (const frame of [hello, { type: 'statuses', items: [status] }, { type: 'heartbeat' }]) {
      expect(read(frame)).toEqual(frame);
    }
  });

  it('takes answers to readiness checks and results of checks', () => {
    const lastResponse = { status: 503, contentType: 'text/plain', body: 'x'.repeat(4_096) };
    for (const more of [
      { readiness: { ready: true } },
      { readiness: { ready: false, lastResponse } },
      { check: { http: { statusCode: 200 } } },
      { check: { tcp: { succeeded: false } } },
      { check: { command: {} } },
    ]) {
      const frame = { type: 'statuses', items: [{ ...status, ...more }] };
      expect(read(frame)).toEqual(frame);
    }
  });

  it.each([
    [{ readiness: true }],
    [{ readiness: { ready: 1 } }],
    [{ readiness: { ready: true, lastResponse: { status: 'x', contentType: '', body: '' } } }],
    [
      {
        readiness: { ready: true, lastResponse: { status: 200, contentType: '', body: 'x'.repeat(20_000) } },
      },
    ],
    [{ check: { http: { statusCode: '200' } } }],
    [{ check: { tcp: {} } }],
    [{ check: { command: { exitCode: null } } }],
  ])('refuses %j', (more) => {
    expect(read({ type: 'statuses', items: [{ ...status, ...more }] })).toBeNull();
  });

  it('takes of another protocol what it needs to name both versions', () => {
    expect(read({ type: 'hello', protocol: PROTOCOL_VERSION + 1, agent: { id: 'x' } })).not.toBeNull();
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['an unknown type', '{"type":"__proto__"}'],
    ['a hello without its agent', JSON.stringify({ ...hello, agent: undefined })],
    ['an id that the store cannot hold', JSON.stringify({ ...hello, agent: { ...agent, id: 'a\0' } })],
    ['an id above the size of a key', JSON.stringify({ ...hello, agent: { ...agent, id: 'é'.repeat(400) } })],
    ['statuses without items', '{"type":"statuses"}'],
    ['a status without anything', '{"type":"statuses","items":[{}]}'],
    ['an impossible time', JSON.stringify({ type: 'statuses', items: [{ ...status, since: 1e300 }] })],
  ])('refuses %s', (_what, text) => expect(readFrame(text)).toBeNull());

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => void readFrame(text)));
  });
});
