// A plan as a person reads it: the verdict must not be missed, and a long rollout must not fill the terminal.
import { describe, expect, it } from '@jest/globals';
import type { ChangePlan, PlannedWave } from '#libs/api-contract';
import { asAgentId, asAppId, asInstanceId } from '#libs/model';
import { exitCodeOf } from '../plan.js';
import { planLines } from './plan-lines.js';

const WEB = asAppId('/web');
const place = { appId: WEB, agentId: asAgentId('a'), hostname: 'host-a' };
const NONE = { cpus: 0, mem: 0, disk: 0, instances: 0 };
const STEPS = [{ actions: [{ action: 'RestartApplication' as const, app: '/web' }] }];

const plan = (more: Partial<ChangePlan>): ChangePlan => ({
  diff: { apps: [], groups: [] },
  outcome: { kind: 'succeeds', text: 'every step gets done', seconds: 0 },
  fits: true,
  waves: [],
  apps: [],
  agents: [],
  peak: NONE,
  problems: [],
  waitsForRoom: [],
  alsoMoving: [],
  ...more,
});
const text = (more: Partial<ChangePlan>): string => planLines(STEPS, plan(more)).join('\n');
const start = (certain = true): PlannedWave => ({
  step: 1,
  starts: [{ ...place, instances: 1, ports: [null] }],
  stops: [],
  certain,
});
const stop: PlannedWave = {
  step: 1,
  starts: [],
  stops: [{ ...place, instanceIds: [asInstanceId('web.instance-1')] }],
  certain: true,
};

describe('the lines of a plan', () => {
  it('say what starts and stops where, wave after wave', () => {
    expect(text({ waves: [start(), stop] })).toContain(
      'step 1: RestartApplication /web\n  start 1 /web on host-a\n  then stop 1 /web on host-a',
    );
    expect(text({ waves: [start(false)] })).toContain('start 1 /web on host-a, (or elsewhere: ');
  });

  it('warn of what would have no effect, before the verdict', () => {
    const lines = text({ warnings: [{ appId: '/old', text: 'no request by x.example comes to port 0' }] });
    expect(lines).toMatch(/\nwarning: \/old: no request by x.example comes to port 0\n\nfits: /);
  });

  it('cut a rollout of many waves short, and say by how many', () => {
    const lines = text({ waves: Array.from({ length: 50 }, () => [start(), stop]).flat() }).split('\n');
    expect(lines.filter((line) => line.includes('/web on host-a'))).toHaveLength(12);
    expect(lines).toContain('  … and 88 more like these');
  });

  it('show each change with its sign, and no value that is kept back', () => {
    const apps: ChangePlan['diff']['apps'] = [
      {
        appId: WEB,
        effect: 'replaced',
        instances: { before: 2, after: 3 },
        changes: [
          { path: '/cpus', before: 1, after: 2 },
          { path: '/env/TOKEN', before: '(hidden)', after: '(hidden)', hidden: true },
          { path: '/user', after: 'www' },
        ],
      },
      { appId: asAppId('/new'), effect: 'created', instances: { before: 0, after: 1 }, changes: [] },
      { appId: asAppId('/same'), effect: 'unchanged', instances: { before: 1, after: 1 }, changes: [] },
    ];
    expect(
      text({ diff: { apps, groups: [] } })
        .split('\n')
        .slice(0, 6),
    ).toEqual([
      '~ /web: all instances are replaced, 2 -> 3',
      '    ~ /cpus: 1 -> 2',
      '    ~ /env/TOKEN: (changed)',
      '    + /user: www',
      '+ /new: 1 instance',
      '= 1 app does not change',
    ]);
  });

  it('end with the verdict, what is missing on each agent, and the remedy', () => {
    const more: Partial<ChangePlan> = {
      fits: false,
      outcome: {
        kind: 'fails',
        text: '/web: 1 instance finds no place on any agent',
        seconds: 600,
        rolledBack: true,
      },
      problems: [
        {
          appId: WEB,
          instances: 1,
          text: '/web: 1 instance finds no place on any agent',
          agents: [
            {
              agentId: asAgentId('a'),
              hostname: 'host-a',
              reasons: [{ reason: 'InsufficientCpus', text: 'needs 4 cpus, 1.5 of 8 are free' }],
            },
          ],
        },
      ],
      fitsWith: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0, apps: [WEB] },
    };
    expect(text(more).split('\n').slice(-3)).toEqual([
      'does NOT fit: /web: 1 instance finds no place on any agent; it would be rolled back',
      '  host-a: needs 4 cpus, 1.5 of 8 are free',
      'It would fit with minimumHealthCapacity 0.5 and maximumOverCapacity 0 (upgradeStrategy of /web).',
    ]);
    expect(exitCodeOf(plan(more))).toBe(5);
  });

  it('tell a change that fits and would fail from one that cannot be foreseen', () => {
    const fails = plan({ outcome: { kind: 'fails', text: 'no progress', seconds: 600 } });
    const unknown = plan({ fits: null, outcome: { kind: 'unknown', text: 'too large', seconds: 0 } });
    expect([fails, unknown].map((each) => planLines(STEPS, each).at(-1))).toEqual([
      'would FAIL: no progress',
      'unknown: too large',
    ]);
    expect([plan({}), fails, unknown].map(exitCodeOf)).toEqual([0, 5, 6]);
  });
});
