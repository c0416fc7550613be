import { expect, test } from '@jest/globals';
import { inCliWords, trafficRefusal } from './cli-words.js';

test('names the command instead of the call', () => {
  expect(inCliWords('it goes on, or after DELETE /v3/apps/shop/web/traffic, and is taken back')).toBe(
    'it goes on, or after "longrun traffic /shop/web --reset", and is taken back',
  );
  expect(inCliWords('DELETE /v2/deployments/x')).toBe('DELETE /v2/deployments/x');
});

test('names the share or pin that is wrong as it was written', () => {
  const words = { shares: ['old=0', 'new=0'], pins: ['header:A=b=old'] };
  const refused = (path: string, error: string) => trafficRefusal([{ path, errors: [error] }], words).join();
  expect(refused('/shares(1)/version', 'is none')).toBe('new=0: is none');
  expect(refused('/pins(0)/version', 'is none')).toBe('--pin header:A=b=old: is none');
  expect(refused('/shares', 'add up to 0: give one a weight, or DELETE the shares')).toBe(
    'old=0 new=0: add up to 0: give one a weight, or take them back with --reset',
  );
});
