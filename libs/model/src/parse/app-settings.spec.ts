// The body of `PUT /v3/apps/ID/settings`: what is taken, and what is refused by the name of the member.
import { expect, test } from '@jest/globals';
import { parseAppSettings } from './app-settings.js';

const pathsOf = (body: unknown): readonly string[] => {
  const parsed = parseAppSettings(body);
  return parsed.kind === 'problems' ? parsed.problems.map(({ path }) => path) : [];
};

test.each([
  {},
  { progressDeadlineSeconds: 10 },
  { progressDeadlineSeconds: 86_400, minReadySeconds: 0 },
  { minReadySeconds: 86_400 },
])('takes %j', (body) => {
  expect(parseAppSettings(body)).toEqual({ kind: 'ok', settings: body });
});

test.each([
  [{ progressDeadlineSeconds: 9 }, '/progressDeadlineSeconds'],
  [{ progressDeadlineSeconds: 86_401 }, '/progressDeadlineSeconds'],
  [{ progressDeadlineSeconds: 30.5 }, '/progressDeadlineSeconds'],
  [{ progressDeadlineSeconds: '30' }, '/progressDeadlineSeconds'],
  [{ progressDeadlineSeconds: null }, '/progressDeadlineSeconds'],
  [{ minReadySeconds: -1 }, '/minReadySeconds'],
  [{ minReadySecs: 1 }, '/minReadySecs'],
  [{ constructor: 1 }, '/constructor'],
  [[], '/'],
  [null, '/'],
  ['10', '/'],
])('refuses %j at %s', (body, path) => {
  expect(pathsOf(body)).toEqual([path]);
});
