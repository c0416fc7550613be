// The history must be enough to tell each version from the one before: applied to it, the changes give the newer one.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseApp, timestampOf, type AppVersion } from '#libs/model';
import { changesBetween, presentHistory, type MemberChange } from './app-history.js';

const at = (second: number) => timestampOf(Date.UTC(2026, 0, 1, 0, 0, second));

function versionOf(definition: object, version: number, config = version, scaling = version): AppVersion {
  const parsed = parseApp({ id: '/shop/web', cmd: 'sleep 100', ...definition });
  if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed));
  return {
    spec: parsed.spec,
    version: at(version),
    lastConfigChangeAt: at(config),
    lastScalingAt: at(scaling),
  };
}

describe('presentHistory', () => {
  const created = versionOf({ env: { A: '1' } }, 1);
  const scaled = versionOf({ env: { A: '1' }, instances: 3 }, 2, 1);
  const restarted = versionOf({ env: { A: '1' }, instances: 3 }, 3, 3, 2);
  const changed = versionOf({ env: { A: '2', B: 'x' }, instances: 3, labels: { k: 'v' } }, 4);

  it('tells what each version was: created, scaled, restarted, changed', () => {
    expect(presentHistory([changed, restarted, scaled, created], true)).toEqual([
      {
        version: at(4),
        kind: 'changed',
        changes: [
          { path: '/env/A', before: '1', after: '2' },
          { path: '/env/B', after: 'x' },
          { path: '/labels/k', after: 'v' },
        ],
      },
      { version: at(3), kind: 'restarted', changes: [] },
      { version: at(2), kind: 'scaled', changes: [{ path: '/instances', before: 1, after: 3 }] },
      { version: at(1), kind: 'created', changes: [] },
    ]);
  });

  it('does not claim to know what the oldest version changed when older ones are forgotten', () => {
    expect(presentHistory([restarted, scaled], false).map(({ kind }) => kind)).toEqual(['restarted']);
  });

  it('names members of list items by position, and lists of plain values as a whole', () => {
    const ports = (servicePort: number) => ({ portDefinitions: [{ port: 80 }, { port: servicePort }] });
    const [story] = presentHistory(
      [
        versionOf({ ...ports(82), constraints: [['hostname', 'UNIQUE']] }, 2),
        versionOf({ ...ports(81), constraints: [] }, 1),
      ],
      true,
    );
    expect(story?.changes).toEqual([
      { path: '/portDefinitions(1)/port', before: 81, after: 82 },
      { path: '/constraints', after: [['hostname', 'UNIQUE']] },
    ]);
  });
});

describe('changesBetween', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.array(fc.integer(), { maxLength: 3 }),
      fc.array(tie('map'), { maxLength: 3 }),
      tie('map'),
    ),
    map: fc.dictionary(fc.stringMatching(/^[a-z]{1,2}$/), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  }));

  it('finds nothing exactly when the two are equal', () => {
    fc.assert(
      fc.property(value, value, (left, right) => {
        expect(changesBetween(left, left)).toEqual([]);
        if (changesBetween(left, right).length === 0) expect(right).toEqual(left);
      }),
    );
  });

  it('takes no inherited member for one of the definition', () => {
    expect(changesBetween({}, { constructor: 'x' })).toEqual([{ path: '/constructor', after: 'x' }]);
  });

  it('is enough to make the newer value from the older one', () => {
    fc.assert(
      fc.property(value, value, (older, newer) => {
        const made = changesBetween(older, newer).reduce(applied, structuredClone(older));
        expect(JSON.parse(JSON.stringify(made))).toEqual(newer);
      }),
    );
  });
});

function applied(root: unknown, { path, after }: MemberChange): unknown {
  if (path === '/') return structuredClone(after);
  const steps = [...path.matchAll(/\/([^/(]*)|\((\d+)\)/g)].map(([, name, index]) => name ?? Number(index));
  const last = steps.pop();
  let holder = root as Record<string | number, unknown>;
  for (const step of steps) holder = holder[step] as Record<string | number, unknown>;
  if (after !== undefined) holder[last ?? ''] = structuredClone(after);
  else if (Array.isArray(holder)) holder.length = Math.min(holder.length, Number(last));
  else delete holder[last ?? ''];
  return root;
}
