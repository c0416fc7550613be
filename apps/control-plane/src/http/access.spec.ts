import { describe, expect, it } from '@jest/globals';
import type { ApiSettings } from '../settings.js';
import { Access } from './access.js';

const settings: ApiSettings = {
  databaseUrl: '',
  bind: '0.0.0.0',
  apiPort: 8080,
  hostname: 'Leader.Example',
  servicePorts: { from: 1, to: 2 },
  users: new Map(),
  allowedOrigins: [],
  brake: { minimumInstances: 4, share: 0.5, windowMs: 60_000 },
  minReadyMs: 10_000,
  effective: {},
  logLevel: 'info',
  warnings: [],
};
const isOurs = (host: string): boolean => {
  try {
    new Access(settings).check('GET', '/ping', { host });
    return true;
  } catch {
    return false;
  }
};

describe('Access', () => {
  it.each([
    'localhost:8080',
    'leader.example',
    'LEADER.EXAMPLE:1',
    '10.0.0.5:8080',
    '[::1]:8080',
    '[fe80::1]',
  ])('answers to %s', (host) => expect(isOurs(host)).toBe(true));

  it.each(['', 'evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '[evil]', '10.0.0.5.'])(
    'does not answer to the name %j, which somebody else may have pointed here',
    (host) => expect(isOurs(host)).toBe(false),
  );
});
