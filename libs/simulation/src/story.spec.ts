import { describe, expect, it } from '@jest/globals';
import { scenarioOf } from './scenario/generate.js';
import { CRASH_WRITES, type Action, type Scenario } from './scenario/scenario.js';
import { decisiveLines, sentenceOf, storyOf } from './story.js';

const scenario: Scenario = {
  seed: '42',
  durationMs: 200_000,
  quietFromMs: 100_000,
  agents: [
    { cpus: 2, mem: 512, ports: 10, zone: 'zone-a' },
    { cpus: 1.5, mem: 512, ports: 8, zone: 'zone-b' },
  ],
  controlPlanes: 1,
  proxies: 2,
  clockOffsetMs: 0,
  clockDrift: 0,
  actions: [
    { do: 'scale', app: '/web', instances: 1, force: true, at: 5000 },
    { do: 'freeze-proxy', proxy: 3, forMs: 20_000, at: 65_400 },
    { do: 'restart', app: '/web', force: false, at: 190_000 },
  ],
};
const broken = { rule: 'floor', text: 'web.instance-1 is stopped, 0 of /web serve', at: 83_250 };

describe('the story of a broken promise', () => {
  it('tells the cluster, what was done until then, what was seen, what broke and how to see it again', () => {
    const log = ['00:01.000 cp-0#1: leads', '01:23.000 cp-0#1: instance web.instance-1 out'];
    const original = scenarioOf('42');
    const text = storyOf({ scenario, broken, log, original, file: '/tmp/a b.json' });
    expect(text.split('\n')).toEqual([
      'Seed 42 breaks the promise "floor" at 1:23:',
      '  web.instance-1 is stopped, 0 of /web serve',
      '',
      'The cluster: 2 agents in 2 zones (CPUs: 2, 1.5; host ports: 10, 8), 1 control plane, 2 proxies, exact clocks, 3:20 minutes.',
      expect.stringContaining(`Made smaller: before, it had ${original.actions.length} actions`),
      '',
      '   0:05  Somebody scales /web to 1 instance, by force.',
      '   1:05  proxy-1 is frozen for 20 s.',
      '   1:23  The promise is broken.',
      '',
      'What was seen last:',
      '  00:01.000 cp-0#1: leads',
      '  01:23.000 cp-0#1: instance web.instance-1 out',
      '',
      'See it again:',
      '  npm run simulate -- --seed 42 --trace',
      "  npm run simulate -- --scenario '/tmp/a b.json' --trace",
      '',
    ]);
  });

  it('has one whole sentence for each action, with no member that was forgotten', () => {
    for (let seed = 0; seed < 60; seed += 1) {
      const generated = scenarioOf(`story-${seed}`);
      for (const action of generated.actions) {
        const sentence = sentenceOf(action, generated);
        expect(sentence).toMatch(/^[A-Za-z].*[^.]\.$/);
        expect(sentence).not.toMatch(/undefined|NaN|\[object|\n|, ,|,\./);
      }
    }
  });

  it('tells different actions apart', () => {
    const cut = (bothWays: boolean): Action => ({
      do: 'cut',
      from: { kind: 'agent', index: 3 },
      to: { kind: 'store' },
      bothWays,
      forMs: 1500,
      at: 0,
    });
    expect(sentenceOf(cut(true), scenario)).toBe(
      'Nothing gets through between agent-1 and the store for 1.5 s.',
    );
    expect(sentenceOf(cut(false), scenario)).toBe('Nothing gets from agent-1 to the store for 1.5 s.');
    const crash = (when: 'now' | 'before-commit' | 'after-commit'): string =>
      sentenceOf({ do: 'crash-control-plane', which: 'leader', when, nth: 2, downMs: 3000, at: 0 }, scenario);
    expect(new Set([crash('now'), crash('before-commit'), crash('after-commit')]).size).toBe(3);
    const kinds = CRASH_WRITES.map((write) =>
      sentenceOf(
        {
          ...{ do: 'crash-control-plane', which: 'leader', when: 'after-commit', nth: 1, downMs: 3000 },
          ...{ write, withinMs: 60_000, at: 0 },
        },
        scenario,
      ),
    );
    expect(new Set(kinds).size).toBe(CRASH_WRITES.length);
    expect(kinds[1]).toBe(
      'The control plane that leads is killed once its commit number 1 from now that removes an app took effect, before it learns so, ' +
        'and starts again after 3 s (if that comes within 60 s).',
    );
    expect(sentenceOf({ do: 'crash-task', index: 4, siblings: 2, at: 0 }, scenario)).toBe(
      'A task crashes (number 4), and with it 2 others of its app.',
    );
  });
});

describe('the decisive lines of a log', () => {
  const noise = Array.from({ length: 200 }, (_, index) => `00:${index} proxy-1: a request`);

  it('are those about what the broken promise names, and the last ones, in their order and each once', () => {
    const about = ['00:01 cp-0#1: instance web.instance-1 out', '00:02 agent-0: web.instance-1 starts'];
    const lines = decisiveLines([...about, ...noise, 'the end: web.instance-1'], broken.text);
    expect(lines.slice(0, 2)).toEqual(about);
    expect(lines.at(-1)).toBe('the end: web.instance-1');
    expect(lines.length).toBeLessThan(15);
    expect(new Set(lines).size).toBe(lines.length);
  });

  it('stay few when everything is about it', () => {
    const lines = decisiveLines(
      noise.map((line) => `${line} of web.instance-1`),
      broken.text,
    );
    expect(lines.length).toBeLessThan(30);
  });
});
