// Each rule of eslint.config.mjs is seen to fail here, and right code is seen to pass.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';

interface Case {
  readonly name: string;
  readonly file: string;
  readonly code: string | null;
  /** Text in one of the messages; null: no message at all. */
  readonly expected: string | null;
}

const wrong = (name: string, file: string, code: string | null, expected: string): Case => ({
  name,
  file,
  code,
  expected,
});
const right = (name: string, file: string, code: string): Case => ({ name, file, code, expected: null });
const pure = 'libs/planner/src/sample.ts';
const simulated = 'libs/simulation/src/engine/sample.ts';
/** What runs at a user's: every lib but those that only tests import, and every app. */
const TEST_LIBS = ['testkit', 'runtime-conformance', 'store-conformance', 'engine-conformance', 'simulation'];
const foldersOf = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((each) => (each.isDirectory() ? [each.name] : []));
const PRODUCT_LIBS = foldersOf('libs').filter((lib) => !TEST_LIBS.includes(lib));
const APPS = foldersOf('apps');

const CASES: readonly Case[] = [
  wrong(
    'the core imports an edge',
    pure,
    "import { PostgresStore } from '#libs/persistence';\nexport const x = PostgresStore;",
    'LAYERS',
  ),
  wrong(
    'the core imports a node built-in',
    pure,
    "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;",
    'LAYERS',
  ),
  wrong('the core imports a package', pure, "import { pino } from 'pino';\nexport const x = pino;", 'LAYERS'),
  wrong(
    'a lib reaches into another by path',
    'libs/planner/src/sample.ts',
    "import { x } from '../../model/src/ids.js';\nexport const y = x;",
    'LAYERS',
  ),
  wrong(
    'a lib reaches inside an alias',
    pure,
    "import { x } from '#libs/model/src/ids.js';\nexport const y = x;",
    'LAYERS',
  ),
  wrong(
    'an edge imports another edge',
    'libs/runtime-docker/src/sample.ts',
    "import { x } from '#libs/runtime-process';\nexport const y = x;",
    'LAYERS',
  ),
  wrong(
    'a production lib imports the testkit',
    'libs/persistence/src/sample.ts',
    "import { until } from '#libs/testkit';\nexport const y = until;",
    'LAYERS',
  ),
  ...PRODUCT_LIBS.map((lib) =>
    wrong(
      `${lib} imports the simulation`,
      `libs/${lib}/src/sample.ts`,
      "import { x } from '#libs/simulation';\nexport const y = x;",
      'LAYERS',
    ),
  ),
  ...APPS.map((app) =>
    wrong(
      `the app ${app} imports the simulation`,
      `apps/${app}/src/sample.ts`,
      "import { x } from '#libs/simulation';\nexport const y = x;",
      'APP_LIBS',
    ),
  ),
  wrong(
    'the simulation imports a real edge',
    simulated,
    "import { x } from '#libs/persistence';\nexport const y = x;",
    'LAYERS',
  ),
  wrong(
    'the simulation imports the testkit',
    simulated,
    "import { until } from '#libs/testkit';\nexport const y = until;",
    'LAYERS',
  ),
  wrong(
    'the simulation reads the clock',
    simulated,
    'export const now = (): number => Date.now();',
    'Time is an argument',
  ),
  wrong(
    'the simulation throws dice of its own',
    simulated,
    'export const dice = (): number => Math.random();',
    'Randomness',
  ),
  wrong(
    'the simulation sets a real timer',
    simulated,
    'export const later = (f: () => void): unknown => setTimeout(f, 1);',
    'No real timers',
  ),
  wrong(
    'an app imports an app',
    'apps/cli/src/sample.ts',
    "import { x } from '../../agent/src/main.js';\nexport const y = x;",
    'no other app',
  ),
  wrong(
    'an app imports a lib that is not its own',
    'apps/cli/src/sample.ts',
    "import { x } from '#libs/persistence';\nexport const y = x;",
    'APP_LIBS',
  ),
  wrong(
    'Nest in the data path',
    'apps/proxy/src/sample.ts',
    "import { Module } from '@nestjs/common';\nexport const y = Module;",
    'Nest lives in the control plane',
  ),
  wrong(
    'the core reads the clock',
    pure,
    'export const now = (): number => Date.now();',
    'Time is an argument',
  ),
  wrong(
    'the core makes a date of now',
    pure,
    'export const now = (): Date => new Date();',
    'Time is an argument',
  ),
  wrong('the core throws dice', pure, 'export const dice = (): number => Math.random();', 'Randomness'),
  wrong('the core is asynchronous', pure, 'export async function later(): Promise<void> {}', 'synchronous'),
  wrong(
    'the core sets a timer',
    pure,
    'export const later = (f: () => void): unknown => setTimeout(f, 1);',
    'No timers',
  ),
  wrong(
    'the core reads the environment',
    pure,
    'export const home = process.env;',
    'comes in as an argument',
  ),
  wrong(
    'a seam lib sets a timer',
    'libs/agent-core/src/sample.ts',
    'export const later = (f: () => void): unknown => setTimeout(f, 1);',
    'No timers',
  ),
  wrong(
    'an index exports everything',
    'libs/planner/src/index.ts',
    "export * from './plan.js';",
    'one by one',
  ),
  wrong('a default export', pure, 'export default 1;', 'Exports are named'),
  wrong('any', pure, 'export const x = (y: any): unknown => y;', 'no-explicit-any'),
  wrong(
    'a non-null assertion',
    pure,
    'export const x = (y: string | null): string => y!;',
    'no-non-null-assertion',
  ),
  wrong('console', 'apps/agent/src/sample.ts', "console.log('x');", 'no-console'),
  wrong('an empty catch', 'apps/agent/src/sample.ts', 'try { JSON.parse("x"); } catch {}', 'no-empty'),
  wrong(
    'a test switched off',
    'libs/planner/src/sample.spec.ts',
    "it.skip('x', () => undefined);",
    'No test is switched off',
  ),
  wrong(
    'a test that waits for time',
    'libs/planner/src/sample.spec.ts',
    'setTimeout(() => undefined, 5);',
    'Wait for a condition',
  ),
  wrong('a cycle', 'test/architecture/wrong/cycle-a.ts', null, 'no-cycle'),
  right(
    'right code',
    pure,
    "import type { AppId } from '#libs/model';\nexport const same = (a: AppId, b: AppId): boolean => a === b;",
  ),
  right(
    'the simulation runs the real cores and the real choice of targets',
    simulated,
    "import { ControlCore } from '#libs/control-core';\nimport { LiveRoutes } from '#libs/proxy-engine';\nexport const x = [ControlCore, LiveRoutes];",
  ),
  right(
    'what starts simulations reads the clock',
    'libs/simulation/src/command/sample.ts',
    'export const now = (): number => Date.now();',
  ),
  right(
    'a date of an argument',
    pure,
    'export const show = (ms: number): string => new Date(ms).toISOString();',
  ),
  right(
    'a seam lib that awaits',
    'libs/agent-core/src/sample.ts',
    'export async function wait(what: Promise<void>): Promise<void> { await what; }',
  ),
];

describe('boundaries', () => {
  let messages: string[][] = [];

  beforeAll(() => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['test/architecture/lint-texts.mjs'], {
      input: JSON.stringify(CASES.map(({ file, code }) => ({ file, code }))),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    messages = JSON.parse(stdout) as string[][];
  }, 60_000);

  it.each(CASES.map((each, index) => [each.name, index, each.expected] as const))(
    '%s',
    (_, index, expected) => {
      if (expected === null) expect(messages[index]).toEqual([]);
      else expect(messages[index]?.join('\n')).toContain(expected);
    },
  );
});
