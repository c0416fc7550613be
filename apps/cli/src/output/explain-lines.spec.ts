import { describe, expect, it } from '@jest/globals';
import type { ExplainAgent, ExplainAnswer, ExplainCell } from '#libs/api-contract';
import { explainLines } from './explain-lines.js';

const ok = (predicate: ExplainCell['predicate'], more: Partial<ExplainCell> = {}): ExplainCell => ({
  ...{ predicate, fits: true, reason: 'Reason' },
  ...more,
});
const cells = (constraints: number, ...failing: readonly ExplainCell[]): readonly ExplainCell[] =>
  [
    ok('session'),
    ok('runtime'),
    ok('hostDisk'),
    ...Array.from({ length: constraints }, (_, index) => ok('constraint', { index })),
    ...(['cpus', 'mem', 'disk', 'ports'] as const).map((each) => ok(each, { missing: 0 })),
  ].map(
    (cell) =>
      failing.find(({ predicate, index }) => predicate === cell.predicate && index === cell.index) ?? cell,
  );
const agent = (hostname: string, constraints: number, ...failing: readonly ExplainCell[]): ExplainAgent => ({
  agentId: `id-${hostname}`,
  hostname,
  fits: !failing.length,
  cells: cells(constraints, ...failing),
});
const lackingMem = ok('mem', {
  ...{ fits: false, text: 'needs 512 MiB of memory, 100 of 1024 are free' },
  ...{ unit: 'MiB', needed: 512, free: 100, total: 1024, missing: 412 },
});

const answer = (more: Partial<ExplainAnswer> = {}, constraints: readonly string[] = []): ExplainAnswer => ({
  appId: '/shop/web',
  version: '2026-01-31T12:00:00.000Z',
  standing: {
    text: '2 wanted: 1 healthy and routed, 1 to be launched',
    wanted: 2,
    running: 1,
    available: 1,
    waiting: 1,
    sets: {},
  },
  holds: [{ kind: 'no-place', text: 'fits on none of 1 agent', instances: 1, instanceIds: [] }],
  next: {
    text: 'the instance that waits',
    ...{ fitNow: 0, isLeast: false, places: [], agentsThatFit: 0 },
    needs: { cpus: 0.5, mem: 512, disk: 0, runtime: 'process', hostPorts: [0], constraints },
  },
  changes: [
    {
      text: 'lower mem from 512 to 100 MiB, the most that fits on a',
      share: 0.8,
      agentId: 'id-a',
      steps: [],
    },
  ],
  agents: [agent('a', 0, lackingMem)],
  ...more,
});

describe('an explanation in the terminal', () => {
  it('says how it stands, what is missing where, and what would help', () => {
    expect(explainLines(answer(), { agents: 20 }).join('\n')).toBe(
      [
        '/shop/web: 2 wanted: 1 healthy and routed, 1 to be launched',
        '- 1: fits on none of 1 agent',
        '',
        'The instance that waits, which needs 0.5 cores, 512 MiB of memory, 1 free host port, the process',
        'runtime, fits on none of 1 agent.',
        '',
        'AGENT  FITS  SESSION  RUNTIME  SPACE  CPUS  MEM   DISK  PORTS',
        'a      no    ok       ok       ok     ok    -412  ok    ok',
        '',
        'A number is the amount missing: cores, MiB, ports.',
        'a: needs 512 MiB of memory, 100 of 1024 are free',
        '',
        'This would let it run:',
        '1. lower mem from 512 to 100 MiB, the most that fits on a',
      ].join('\n'),
    );
  });

  it('stays within 100 columns, however long names are and whatever is missing', () => {
    const huge = { ...lackingMem, missing: 49_999_999.125 };
    const broken = (index: number): ExplainCell =>
      ok('constraint', {
        index,
        fits: false,
        text: 'rack UNIQUE: 1 of its instances is at rack a already',
        wouldFit: 'a rack other than a',
      });
    for (const many of [0, 1, 4, 5, 30]) {
      const names = Array.from({ length: many }, (_, at) => `rack${at} UNIQUE`);
      const failing = names.map((_, at) => broken(at));
      const agents = ['a', 'b'].map((each) => agent(each.repeat(120), many, huge, ...failing));
      const lines = explainLines(answer({ agents }, names), { agents: 20 }).join('\n').split('\n');
      const long = lines.filter((line) => line.length > 100 && line.includes(' '));
      expect([many, long]).toEqual([many, []]);
      expect(lines.some((line) => /^a+…? /.test(line))).toBe(true);
    }
  });

  it('shows those that lack least first, and how many it leaves out', () => {
    const noSession = ok('session', { fits: false, text: 'the agent is lost' });
    const agents = [agent('a', 0, lackingMem, noSession), agent('b', 0, lackingMem), agent('c', 0)];
    const lines = explainLines(answer({ agents }), { agents: 2 }).join('\n').split('\n');
    const at = lines.findIndex((line) => line.startsWith('AGENT'));
    expect(lines.slice(at + 1, at + 4)).toEqual([
      'c      yes   ok       ok       ok     ok    ok    ok    ok',
      'b      no    ok       ok       ok     ok    -412  ok    ok',
      '… and 1 more agent, lacking as much or more (--agents 3 shows all)',
    ]);
  });

  it('of an app that runs tells where one more would go, and offers nothing', () => {
    const place = { agentId: 'id-c', hostname: 'c', hostPorts: [] };
    const next = { ...answer().next, text: 'one more instance than wanted', agentsThatFit: 1, place };
    const text = explainLines(answer({ next, changes: [], agents: [agent('c', 0)] }), { agents: 20 }).join(
      '\n',
    );
    expect(text).toMatch(/^One more instance than wanted, .*would go to c\.$/ms);
    expect(text).not.toContain('let it run');
    expect(text).not.toContain('amount missing');
  });
});
