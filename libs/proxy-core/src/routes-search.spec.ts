import { expect, it } from '@jest/globals';
import { routesSearch } from './routes-search.js';

it('carries whatever an address may have', () => {
  const by = { proxy: 'p 1', run: 'r&1=', address: '[::1]:8000' };
  const search = routesSearch({ epoch: 3, after: 0, by });
  expect(Object.fromEntries(new URLSearchParams(search))).toEqual({ epoch: '3', after: '0', ...by });
});
