// Options, and the words about wrong ones.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration } from '#libs/configuration';
import { agentConfiguration, type AgentConfiguration } from './agent-configuration.js';
import { AGENT_OPTIONS } from './agent-options.js';
import { reservePorts } from './reserved-ports.js';

const URL_OPTION = ['--control-plane', 'http://10.0.0.1:8080/'];
const configured = (argv: readonly string[], env: Record<string, string> = {}): AgentConfiguration =>
  agentConfiguration(readConfiguration(AGENT_OPTIONS, { argv, env }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-agent-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the configuration of an agent', () => {
  it('has defaults for all but control plane and token', () => {
    expect(configured(URL_OPTION, { LONGRUN_TOKEN: 's3cret' })).toMatchObject({
      controlPlanes: ['http://10.0.0.1:8080'],
      token: 's3cret',
      taskPorts: { from: 31_000, to: 32_000 },
      attributes: {},
      warnings: [],
    });
  });

  it('reads attributes and resources', () => {
    const given = [...URL_OPTION, '--attributes', 'rack:a, url:http://x', '--cpus', '1.5', '--zone', 'z1'];
    expect(configured(given, { LONGRUN_TOKEN: 't' })).toMatchObject({
      attributes: { rack: 'a', url: 'http://x' },
      cpus: 1.5,
      zone: 'z1',
    });
  });

  it('takes the token from a file, and warns when others can read it', () => {
    const file = join(folder, 'token');
    writeFileSync(file, 's3cret\n', { mode: 0o600 });
    expect(configured([...URL_OPTION, '--token-file', file])).toMatchObject({
      token: 's3cret',
      warnings: [],
    });
    const env = { LONGRUN_TOKEN: 'other' };
    expect(configured([...URL_OPTION, '--token-file', file], env).token).toBe('s3cret');
    expect(configured(URL_OPTION, { ...env, LONGRUN_TOKEN_FILE: file }).token).toBe('s3cret');
    expect(configured([...URL_OPTION, '--token', 'other'], { LONGRUN_TOKEN_FILE: file }).token).toBe('other');
    chmodSync(file, 0o644);
    expect(configured([...URL_OPTION, '--token-file', file]).warnings).toEqual([
      expect.stringContaining('chmod 600'),
    ]);
  });

  it('warns about a token that is visible in ps', () => {
    expect(configured([...URL_OPTION, '--token', 's3cret']).warnings).toHaveLength(1);
  });

  it.each([
    ['no token', URL_OPTION, 'token of the agents is missing'],
    ['a wrong URL', ['--control-plane', 'nonsense', '--token', 'x'], '--control-plane must be a URL'],
    ['a wrong attribute', [...URL_OPTION, '--token', 'x', '--attributes', 'rack'], 'key:value'],
    ['wrong ports', [...URL_OPTION, '--token', 'x', '--task-ports', '9-3'], '--task-ports'],
  ])('refuses %s', (_what, argv, message) => {
    expect(() => configured(argv)).toThrow(message);
  });
});

describe('task ports', () => {
  const range = { from: 31_000, to: 32_000 };
  const reserve = (local: string, reserved: string): { said: string | null; now: string } => {
    writeFileSync(join(folder, 'ip_local_port_range'), local);
    writeFileSync(join(folder, 'ip_local_reserved_ports'), reserved);
    const said = reservePorts(range, folder);
    return { said, now: readFileSync(join(folder, 'ip_local_reserved_ports'), 'utf8') };
  };

  it('are reserved beside what is reserved already', () => {
    expect(reserve('10240\t65000\n', '8080,9000-9010\n')).toEqual({
      said: null,
      now: '8080,9000-9010,31000-32000',
    });
    expect(reserve('10240\t65000\n', '\n')).toEqual({ said: null, now: '31000-32000' });
  });

  it('stay as they are when they are reserved, or need not be', () => {
    expect(reserve('10240\t65000\n', '30000-33000\n').now).toBe('30000-33000\n');
    expect(reserve('32768\t60999\n', '\n').now).toBe('\n');
  });

  it('that cannot be reserved are a warning with the remedy', () => {
    expect(reservePorts(range, join(folder, 'missing'))).toContain('net.ipv4.ip_local_reserved_ports');
  });
});
