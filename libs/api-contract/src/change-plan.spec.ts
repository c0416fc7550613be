// What a plan says of definitions: which apps differ, in what, and never what may be a secret unless it was asked for.
import { describe, expect, it } from '@jest/globals';
import { asAppId, parseApp, timestampOf, type AppChange, type AppVersion } from '#libs/model';
import { presentDiff, type AppDiff } from './change-plan.js';

const at = (second: number) => timestampOf(Date.UTC(2026, 0, 1, 0, 0, second));

function versionOf(definition: object, version: number, config = version): AppVersion {
  const parsed = parseApp({ id: '/web', cmd: 'sleep 100', ...definition });
  if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed));
  return {
    spec: parsed.spec,
    version: at(version),
    lastConfigChangeAt: at(config),
    lastScalingAt: at(version),
  };
}
const change = (before: AppVersion | null, after: AppVersion | null): AppChange => ({
  appId: asAppId('/web'),
  before,
  after,
});
function diffOf(before: AppVersion | null, after: AppVersion | null, showEnv = false): AppDiff | undefined {
  return presentDiff([change(before, after)], [], { showEnv }).apps[0];
}

describe('the diff of a plan', () => {
  const one = versionOf({ instances: 2 }, 1);

  it.each([
    ['created', null, one],
    ['removed', one, null],
    ['unchanged', one, one],
    ['scaled', one, versionOf({ instances: 5 }, 2, 1)],
    ['replaced', one, versionOf({ instances: 2, cpus: 2 }, 2)],
    ['replaced', one, versionOf({ instances: 2 }, 2)],
    ['redefined', versionOf({ instances: 0 }, 1), versionOf({ instances: 0, cpus: 2 }, 2)],
  ] as const)('calls it %s', (effect, before, after) => {
    expect(diffOf(before, after)?.effect).toBe(effect);
  });

  it('tells members by their paths, and variables by their names alone', () => {
    const before = versionOf({ cpus: 1, env: { TOKEN: 'one', GONE: 'x', SAME: 's' } }, 1);
    const after = versionOf({ cpus: 2, env: { TOKEN: 'two', NEW: 'y', SAME: 's' } }, 2);
    expect(diffOf(before, after)?.changes).toEqual([
      { path: '/cpus', before: 1, after: 2 },
      { path: '/env/TOKEN', before: '(hidden)', after: '(hidden)', hidden: true },
      { path: '/env/GONE', before: '(hidden)', hidden: true },
      { path: '/env/NEW', after: '(hidden)', hidden: true },
    ]);
    expect(diffOf(before, after, true)?.changes).toContainEqual({
      path: '/env/TOKEN',
      before: 'one',
      after: 'two',
    });
  });

  it('names the first variable of an app as well as the last', () => {
    const none = versionOf({}, 1);
    const some = versionOf({ env: { TOKEN: 'one' } }, 2);
    expect(diffOf(none, some)?.changes).toEqual([{ path: '/env/TOKEN', after: '(hidden)', hidden: true }]);
    expect(diffOf(some, none)?.changes).toEqual([{ path: '/env/TOKEN', before: '(hidden)', hidden: true }]);
  });

  it('keeps back what is handed to the engine, and credentials in addresses, however deep', () => {
    const before = versionOf({ fetch: [{ uri: 'https://me:hunter2@files.example/a.tgz' }] }, 1);
    const docker = { image: 'web', parameters: [{ key: 'env', value: 'TOKEN=hunter2' }] };
    const after = versionOf(
      {
        container: { type: 'DOCKER', docker },
        fetch: [{ uri: 'https://me:hunter3@files.example/a.tgz' }],
        labels: { repo: 'git+ssh://bot:hunter4@git.example/x' },
      },
      2,
    );
    const text = JSON.stringify(diffOf(before, after));
    expect(text).not.toContain('hunter');
    expect(text).toContain('https://(hidden)@files.example/a.tgz');
    expect(text).toContain('"image":"web"');
  });

  it('tells groups that come, go or get other dependencies', () => {
    const state = (...dependencies: readonly string[]) => ({
      dependencies: dependencies.map(asAppId),
      enforceRole: false,
    });
    const { groups } = presentDiff(
      [],
      [
        { groupId: asAppId('/new'), before: null, after: state() },
        { groupId: asAppId('/old'), before: state(), after: null },
        { groupId: asAppId('/other'), before: state('/a'), after: state('/b') },
      ],
      { showEnv: false },
    );
    expect(groups).toEqual([
      { groupId: '/new', effect: 'created', changes: [] },
      { groupId: '/old', effect: 'removed', changes: [] },
      {
        groupId: '/other',
        effect: 'changed',
        changes: [{ path: '/dependencies', before: ['/a'], after: ['/b'] }],
      },
    ]);
  });
});
