// The body of `PUT /v3/apps/ID/traffic`: what is taken, and what is refused by the name of the member and with the remedy.
import { expect, test } from '@jest/globals';
import { parseAppTraffic } from './app-traffic.js';

const share = (version: string, weight: unknown = 1) => ({ version, weight });
const pin = (more: object = {}) => ({ by: 'header', name: 'X-Canary', value: 'yes', version: 'v1', ...more });
const refused = (body: unknown): readonly (readonly [string, string])[] => {
  const parsed = parseAppTraffic(body);
  return parsed.kind === 'ok' ? [] : parsed.problems.map(({ path, errors }) => [path, errors.join('; ')]);
};

test('takes shares and pins; names of headers in lower case, names of cookies as they are', () => {
  const body = {
    shares: [share('v1', 0), share('current', 1000)],
    pins: [pin(), pin({ by: 'cookie', name: 'Canary', value: 'a b' })],
  };
  expect(parseAppTraffic(body)).toEqual({
    kind: 'ok',
    traffic: {
      shares: [
        { version: 'v1', weight: 0 },
        { version: 'current', weight: 1000 },
      ],
      pins: [
        { by: 'header', name: 'x-canary', value: 'yes', version: 'v1' },
        { by: 'cookie', name: 'Canary', value: 'a b', version: 'v1' },
      ],
    },
  });
});

test.each<[unknown, string, RegExp]>([
  [null, '/', /an object/],
  [[], '/', /an object/],
  [{}, '/shares', /1 to 10/],
  [{ shares: [] }, '/shares', /1 to 10/],
  [{ shares: Array.from({ length: 11 }, (_, at) => share(`v${at}`)) }, '/shares', /1 to 10/],
  [{ shares: [share('v1')], weights: {} }, '/weights', /shares and pins/],
  [{ shares: ['v1'] }, '/shares(0)', /\{version, weight\}/],
  [{ shares: [share('')] }, '/shares(0)/version', /current or previous/],
  [{ shares: [share('v1'), share('v1')] }, '/shares(1)/version', /twice/],
  [{ shares: [{ ...share('v1'), percent: 5 }] }, '/shares(0)/percent', /version, weight/],
  ...[-1, 1001, 0.5, '1', null, Number.NaN].map((weight): [unknown, string, RegExp] => [
    { shares: [share('v1', weight)] },
    '/shares(0)/weight',
    /whole number from 0 to 1000/,
  ]),
  [{ shares: [share('v1', 0), share('v2', 0)] }, '/shares', /add up to 0.*DELETE/],
  [{ shares: [share('v1')], pins: {} }, '/pins', /at most 20/],
  [{ shares: [share('v1')], pins: [pin({ by: 'path' })] }, '/pins(0)/by', /header or cookie/],
  [{ shares: [share('v1')], pins: [pin({ name: 'a b' })] }, '/pins(0)/name', /header or cookie/],
  [{ shares: [share('v1')], pins: [pin({ value: '' })] }, '/pins(0)/value', /printable/],
  [{ shares: [share('v1')], pins: [pin({ value: 'a,b' })] }, '/pins(0)/value', /printable/],
  [{ shares: [share('v1')], pins: [pin({ value: 'a\r\nb' })] }, '/pins(0)/value', /printable/],
  [{ shares: [share('v1')], pins: [pin({ version: 2 })] }, '/pins(0)/version', /current or previous/],
  [{ shares: [share('v1')], pins: [pin({ more: 1 })] }, '/pins(0)/more', /not known/],
])('refuses %j at %s', (body, path, text) => {
  expect(refused(body)).toEqual([[path, expect.stringMatching(text)]]);
});
