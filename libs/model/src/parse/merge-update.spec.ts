import { describe, expect, it } from '@jest/globals';
import type { AppSpec } from '../app-spec.js';
import { mergeUpdate, wantedVersion } from './merge-update.js';
import { parseApp, type ParsedApp } from './parse-app.js';

function specOf(parsed: ParsedApp): AppSpec {
  if (parsed.kind === 'ok') return parsed.spec;
  throw new Error(JSON.stringify(parsed));
}
const stored = specOf(
  parseApp({
    id: '/u/app',
    cmd: 'sleep 100',
    instances: 2,
    env: { A: '1', B: '2' },
    labels: { keep: 'me' },
    portDefinitions: [
      { port: 10001, name: 'a' },
      { port: 10002, name: 'b' },
    ],
  }),
);
const inBridge = specOf(
  parseApp({
    id: '/u/web',
    container: { docker: { image: 'nginx' }, portMappings: [{ containerPort: 80, servicePort: 10080 }] },
    networks: [{ mode: 'container/bridge' }],
  }),
);

describe('mergeUpdate', () => {
  it('replaces present members whole and keeps the others; nulls keep too, and the id of the body is ignored', () => {
    expect(
      specOf(mergeUpdate(stored, { id: '/other', env: { C: '3' }, labels: null, cpus: 0.5, role: '' })),
    ).toEqual({
      ...stored,
      env: { C: '3' },
      cpus: 0.5,
    });
  });

  it('is validated as a whole', () => {
    expect(mergeUpdate(stored, { args: ['a'] })).toMatchObject({ stage: 'rules', problems: [{ path: '/' }] });
    expect(mergeUpdate(stored, { instances: -1 })).toMatchObject({
      stage: 'schema',
      problems: [{ path: '/instances' }],
    });
    expect(mergeUpdate(stored, [])).toMatchObject({ stage: 'schema', problems: [{ path: '/' }] });
  });

  it('lets ports in the old style replace the definitions', () => {
    expect(specOf(mergeUpdate(stored, { ports: [0] })).portDefinitions).toEqual([
      { port: 0, protocol: 'tcp', labels: {} },
    ]);
  });

  it('moves from host to bridge without taking definitions for mappings, and back', () => {
    const container = { docker: { image: 'nginx' }, portMappings: [{ containerPort: 80 }] };
    const moved = specOf(mergeUpdate(stored, { container, networks: [{ mode: 'container/bridge' }] }));
    expect([moved.portDefinitions, moved.container?.portMappings?.length]).toEqual([undefined, 1]);
    const back = specOf(mergeUpdate(inBridge, { networks: [{ mode: 'host' }] }));
    expect([back.portDefinitions?.length, back.container?.portMappings]).toEqual([1, undefined]);
  });

  it('takes the old network member for the whole networking, but not mixed with the new one', () => {
    const container = { docker: { image: 'nginx', network: 'HOST' } };
    expect(specOf(mergeUpdate(inBridge, { container })).networks).toEqual([{ mode: 'host' }]);
    expect(mergeUpdate(inBridge, { container, networks: [{ mode: 'host' }] })).toMatchObject({
      problems: [{ path: '/' }],
    });
  });
});

describe('wantedVersion', () => {
  const version = '2020-01-01T00:00:00.000Z';
  it('is a rollback only when it stands alone', () => {
    expect(wantedVersion({ cpus: 1 })).toEqual({ kind: 'none' });
    expect(wantedVersion({ version: null, cpus: 1 })).toEqual({ kind: 'none' });
    expect(wantedVersion({ id: '/x', version: '2020-01-01T01:00:00+01:00' })).toEqual({
      kind: 'version',
      version,
    });
    expect(wantedVersion({ version, instances: 2 })).toMatchObject({
      stage: 'rules',
      problems: [{ path: '/' }],
    });
    expect(wantedVersion({ version: 'latest', instances: 2 })).toMatchObject({
      stage: 'schema',
      problems: [{ path: '/version' }],
    });
    expect(wantedVersion({ version: 7 })).toMatchObject({ stage: 'schema' });
  });
});
