// Objects with far more members than anything has: refused by their number, not read to the end, and with a short answer.
import { describe, expect, it } from '@jest/globals';
import { parseApp } from './parse-app.js';
import { parseAppSettings } from './app-settings.js';

const COUNT = 100_000;
const many = (value: unknown): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: COUNT }, (_, at) => [`m${at}`, value]));

describe('an object with 100,000 members', () => {
  it.each(['env', 'labels'])('is refused as %s with their number alone', (name) => {
    const refused = parseApp({ id: '/web', cmd: 'serve', [name]: many(7) });
    expect(refused).toEqual({
      kind: 'problems',
      stage: 'schema',
      problems: [{ path: `/${name}`, errors: ['must not have more than 20000 entries, it has 100000'] }],
    });
  });

  it('is shown in short where its id is missing', () => {
    const refused = parseApp(many('value'));
    if (refused.kind !== 'problems') throw new Error('it was taken');
    expect(refused.problems).toHaveLength(1);
    expect(refused.problems[0]?.errors[0]).toMatch(/^'id' is undefined on object: \{"m0":"value",.*…$/);
    expect(JSON.stringify(refused).length).toBeLessThan(500);
  });

  it('is refused as settings with their number alone', () => {
    expect(parseAppSettings(many(7))).toEqual({
      kind: 'problems',
      stage: 'schema',
      problems: [
        {
          path: '/',
          errors: ['has 100000 members; there are only progressDeadlineSeconds and minReadySeconds'],
        },
      ],
    });
  });
});
