import { expect, test } from '@jest/globals';
import { failures } from '#libs/api-contract';
import { parseAppTraffic } from '#libs/model';
import { inCliWords, trafficRefusal } from './cli-words.js';

test('names the command instead of the call', () => {
  expect(inCliWords('it goes on, or after DELETE /v3/apps/shop/web/traffic, and is taken back')).toBe(
    'it goes on, or after "longrun traffic /shop/web --reset", and is taken back',
  );
  expect(inCliWords('DELETE /v2/deployments/x')).toBe('DELETE /v2/deployments/x');
});

/** As the server makes them; each must be changed wholly. */
test('names no call of the API in what the server refuses', () => {
  const rollback =
    'There is nothing to go back to: /shop/web was created by deployment d1, which still runs. ';
  const said = [
    failures.noReasons('web.x', 30).message,
    failures.locked(['d1']).message,
    ...problemsOf({ shares: [{ version: 'current', weight: 0 }] }),
    ...problemsOf({ shares: [], pins: Array.from({ length: 1_000 }, () => ({})) }),
    `${rollback}To take all of that deployment back, the app too: DELETE /v2/deployments/d1.`,
    'GET /v3/apps/shop/web/history shows them; PUT /v2/apps/shop/web with {"version": "…"} puts back any of them.',
  ].map(inCliWords);
  expect(
    said.filter((text) => /\b(GET|PUT|POST|PATCH|DELETE)\b|\/v[23]\/|force=true|[{}]/.test(text)),
  ).toEqual([]);
  expect(said).toContain(`${rollback}To remove the app: "longrun remove /shop/web --force".`);
  expect(said).toContain('App is locked by one or more deployments. Override with --force.');
});

function problemsOf(body: object): readonly string[] {
  const parsed = parseAppTraffic(body);
  return parsed.kind === 'problems' ? parsed.problems.flatMap(({ errors }) => errors) : [];
}

test('names the share or pin that is wrong as it was written', () => {
  const words = { shares: ['old=0', 'new=0'], pins: ['header:A=b=old'] };
  const refused = (path: string, error: string) => trafficRefusal([{ path, errors: [error] }], words).join();
  expect(refused('/shares(1)/version', 'is none')).toBe('new=0: is none');
  expect(refused('/pins(0)/version', 'is none')).toBe('--pin header:A=b=old: is none');
  expect(refused('/pins', 'are too many')).toBe('--pin: are too many');
  expect(refused('/shares', 'add up to 0: give one a weight, or DELETE the shares')).toBe(
    'old=0 new=0: add up to 0: give one a weight, or take them back with --reset',
  );
});
