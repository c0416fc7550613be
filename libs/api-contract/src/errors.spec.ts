import { describe, expect, it } from '@jest/globals';
import { parseApp } from '#libs/model';
import { ERROR_CODES } from './error-codes.js';
import { LongrunError, errorBody } from './errors.js';
import { ERROR_EXAMPLES } from './error-examples.js';
import { failures } from './failures.js';

const refusal = (input: unknown): LongrunError => {
  const parsed = parseApp(input);
  if (parsed.kind === 'ok') throw new Error('accepted');
  return failures.invalidDefinition(parsed);
};

describe('errors of the API', () => {
  it('render as Marathon does, with nothing besides its members', () => {
    expect(errorBody(failures.appNotFound('/x'))).toEqual({ message: "App '/x' does not exist" });
    expect(errorBody(failures.appNotFound('/x', 'V')).message).toBe("App '/x' does not exist in version V");
    expect(errorBody(failures.invalidJson('unexpected end'))).toEqual({
      message: 'Invalid JSON',
      details: 'unexpected end',
    });
    expect(errorBody(failures.locked(['d1']))).toEqual({
      message: expect.stringContaining("'?force=true'"),
      deployments: [{ id: 'd1' }],
    });
    expect(errorBody(failures.appExists('/x'))).toEqual({ message: 'An app with id [/x] already exists.' });
    expect(typeof errorBody(failures.emptyBody()).details).toBe('string');
  });

  it('repeat no more than a piece of what was sent, wherever it is', () => {
    const long = 'x'.repeat(100_000);
    const words = 'né 😀 '.repeat(20_000);
    const repeated = (error: LongrunError): number => JSON.stringify(errorBody(error)).length;
    for (const sent of [long, words, '😀'.repeat(50_000)]) {
      for (const error of [
        failures.appNotFound(`/${sent}`, sent),
        failures.podIdMismatch(sent, sent),
        failures.invalidTimestamp(sent),
        failures.invalidLabelSelector(sent, 'no operator'),
        failures.notFound('Proxy', sent),
        failures.badHost(sent),
      ]) {
        expect(repeated(error)).toBeLessThan(700);
        expect(JSON.stringify(errorBody(error))).not.toMatch(/\\ud[89a-f]/);
      }
      expect(repeated(failures.ruleViolation(`/env/${sent}/b`, `'${sent}' is none`))).toBeLessThan(1_400);
      expect(repeated(failures.conflict(sent))).toBeLessThan(1_100);
      expect(repeated(failures.invalidJson(sent))).toBeLessThan(1_100);
      const checks = [{ name: 'ready', portName: sent }];
      expect(repeated(refusal({ id: 'a', cmd: 'b', readinessChecks: checks }))).toBeLessThan(500);
      expect(repeated(refusal({ id: 'a', cmd: 'b', env: { [sent]: { secret: 's' } } }))).toBeLessThan(900);
    }
    expect(errorBody(failures.ruleViolation(`/env/${long}/name`, `${long} is none`)).details).toEqual([
      { path: `/env/${'x'.repeat(95)}…${'x'.repeat(95)}/name`, errors: [`${'x'.repeat(200)}… is none`] },
    ]);
    const own = `one ${'of several words '.repeat(50)}`;
    expect(errorBody(failures.conflict(own)).message).toBe(own);
  });

  it('tell schema violations from broken rules', () => {
    const schema = refusal({ id: 7 });
    expect([schema.status, schema.message]).toEqual([422, 'Invalid JSON']);
    expect(errorBody(schema).details).toEqual([{ path: '/id', errors: ['error.expected.jsstring'] }]);
    const rules = refusal({ id: 'a' });
    expect([rules.status, rules.message]).toEqual([422, 'Object is not valid']);
    expect(errorBody(failures.ruleViolation('/', 'a', 'b')).details).toEqual([
      { path: '/', errors: ['a', 'b'] },
    ]);
  });

  it.each([
    [failures.storageUnavailable(), 503, true],
    [failures.diskFull('/data', 3.21), 507, true],
    [failures.tooManyDeployments(100), 403, true],
    [failures.payloadTooLarge(), 413, false],
    [failures.unsupportedMediaType(), 415, false],
    [failures.uriNotFound(), 404, false],
    [failures.foreignOrigin('http://evil'), 403, false],
    [failures.cursorGone(7), 410, false],
  ])('%s has its status from the table', (error, status, retryable) => {
    expect([error.status, error.retryable]).toEqual([status, retryable]);
  });

  it('keep their cause for the log and out of the body', () => {
    const cause = new Error('connection refused');
    const error = failures.internal(cause);
    expect(error.cause).toBe(cause);
    expect(JSON.stringify(errorBody(error))).not.toContain('refused');
  });

  it('have a meaning and a remedy each, and a status of the 4xx and 5xx', () => {
    for (const { status, meaning, remedy } of Object.values(ERROR_CODES)) {
      expect([status >= 400 && status < 600, meaning.length > 0, remedy.length > 0]).toEqual([
        true,
        true,
        true,
      ]);
    }
  });

  it('have an example each', () => {
    expect(Object.keys(failures).filter((name) => !(name in ERROR_EXAMPLES))).toEqual([]);
    const shown = new Set(Object.values(ERROR_EXAMPLES).map(({ code }) => code));
    expect(Object.keys(ERROR_CODES).filter((code) => !([...shown] as string[]).includes(code))).toEqual([]);
  });
});
