// Which errors make the control plane step down and try again, and which are defects; and that no value gets out.
import { describe, expect, it } from '@jest/globals';
import { StoreUnavailable } from '#libs/store';
import { StoreDefect, translated } from './errors.js';

const failing = (fields: object, message = 'secret value 4711') => Object.assign(new Error(message), fields);

describe('translated', () => {
  it.each([
    '08006',
    '28P01',
    '3D000',
    '40001',
    '40P01',
    '53100',
    '53300',
    '57014',
    '57P01',
    '57P03',
    '58030',
    '25006',
  ])('takes SQLSTATE %s as passing', (code) => {
    const error = translated('commit.put-app', failing({ code }));
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(error.message).toContain('commit.put-app');
    expect(error.message).not.toContain('4711');
  });

  it('says when the disk is full', () => {
    expect(translated('commit', failing({ code: '53100' }))).toMatchObject({ diskFull: true });
    expect(translated('commit', failing({ code: '53200' }))).toMatchObject({ diskFull: false });
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])(
    'takes %s of the socket as passing',
    (code) => expect(translated('load', failing({ code }))).toBeInstanceOf(StoreUnavailable),
  );

  it.each([
    'Connection terminated unexpectedly',
    'Query read timeout',
    'timeout exceeded when trying to connect',
    'Cannot use a pool after calling end on the pool',
    'Driver not Connected',
  ])('takes "%s" of pg and TypeORM as passing', (message) =>
    expect(translated('load', new Error(message))).toBeInstanceOf(StoreUnavailable),
  );

  it('looks into what TypeORM wraps', () => {
    const wrapped = failing({ driverError: failing({ code: '57P01' }) });
    expect(translated('versions', wrapped)).toBeInstanceOf(StoreUnavailable);
  });

  it('takes everything else as a defect and shows names only', () => {
    const error = translated(
      'commit.put-app',
      failing({ code: '23505', constraint: 'apps_pkey', detail: 'Key (id)=(4711)' }),
    );
    expect(error).toBeInstanceOf(StoreDefect);
    expect(error.message).toBe('commit.put-app failed: SQLSTATE 23505, constraint apps_pkey');
    expect(translated('load', new TypeError('4711 is not a function')).message).toBe(
      'load failed: TypeError',
    );
  });
});
