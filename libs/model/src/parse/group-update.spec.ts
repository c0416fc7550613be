// Group updates: the three modes, ids and dependencies, and the place of every violation (api.md 4.2, app.md C).
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asAppId } from '../ids.js';
import { groupUpdateSchemaJson } from './group-schema.js';
import {
  APPS_PER_CALL_MAX,
  GROUPS_PER_CALL_MAX,
  parseGroupUpdate,
  readEnforceRole,
  readGroupUpdate,
  type GroupUpdate,
} from './group-update.js';

const app = (id: string, more: object = {}): object => ({ id, cmd: 'sleep 100', instances: 0, ...more });

interface Outcome {
  readonly update?: GroupUpdate;
  readonly stage?: string;
  /** `path: error`, sorted. */
  readonly problems: readonly string[];
}

function parse(body: unknown, base = '/', enforcing: readonly string[] = []): Outcome {
  const read = readGroupUpdate(body);
  const parsed =
    read.kind === 'ok'
      ? parseGroupUpdate(read.input, {
          base: asAppId(base),
          enforcesRole: (group) => enforcing.includes(group),
        })
      : read;
  if (parsed.kind === 'ok') return { update: parsed.update, problems: [] };
  const problems = parsed.problems.flatMap(({ path, errors }) => errors.map((error) => `${path}: ${error}`));
  return { stage: parsed.stage, problems: problems.sort() };
}

const paths = (outcome: Outcome): string[] => outcome.problems.map((each) => each.split(': ')[0] ?? '');

describe('a structure', () => {
  it('resolves ids and dependencies: of apps against the enclosing group, of a group against itself', () => {
    const body = {
      id: 'shop',
      dependencies: ['../base', '/x'],
      apps: [app('web', { dependencies: ['db', '../other', '/abs'] })],
      groups: [{ id: '/shop/back', apps: [app('/shop/back/db')], groups: [{ id: 'deep' }] }],
    };
    expect(parse(body).update).toMatchObject({
      kind: 'structure',
      id: '/shop',
      shape: {
        id: '/shop',
        dependencies: ['/base', '/x'],
        apps: [{ id: '/shop/web', dependencies: ['/shop/db', '/other', '/abs'] }],
        groups: [
          {
            id: '/shop/back',
            path: '/groups(0)',
            apps: [{ id: '/shop/back/db' }],
            groups: [{ id: '/shop/back/deep' }],
          },
        ],
      },
    });
  });

  it('keeps absent lists apart from empty ones', () => {
    const { update } = parse({ id: 'g', apps: [], groups: null });
    expect(update).toEqual({ kind: 'structure', id: '/g', shape: { id: '/g', path: '', apps: [] } });
  });

  it('reads what a GET shows: empty pods and read-only members of apps mean nothing', () => {
    const shown = app('/g/a', { version: '2024-01-01T00:00:00.000Z', tasksRunning: 1, tasks: [] });
    expect(parse({ id: '/g', apps: [shown], groups: [], pods: [], dependencies: [] }).problems).toEqual([]);
  });

  it('takes an id relative to the URL once', () => {
    expect(parse({ id: 'inner' }, '/base').update?.id).toBe('/base/inner');
    expect(parse({ id: '/base' }, '/base').update?.id).toBe('/base');
    expect(parse({}, '/base').update?.id).toBe('/base');
    expect(parse({ id: '/elsewhere' }, '/base').problems).toEqual([
      "/id: Identifier is not child of '/base'",
    ]);
  });

  it('gives the role of a top-level group that enforces it to apps that name none', () => {
    const roles = (body: object, base: string, enforcing: readonly string[]): unknown => {
      const { update } = parse(body, base, enforcing);
      return update?.kind === 'structure' ? update.shape.apps?.map(({ role }) => role) : null;
    };
    const apps = [app('a'), app('b', { role: 'mine' })];
    expect(roles({ apps }, '/dev', ['/dev'])).toEqual(['dev', 'mine']);
    expect(roles({ apps }, '/dev/sub', ['/dev'])).toEqual(['dev', 'mine']);
    expect(roles({ apps }, '/dev', [])).toEqual(['*', 'mine']);
    expect(roles({ apps, enforceRole: true }, '/dev', [])).toEqual(['dev', 'mine']);
    expect(roles({ apps, enforceRole: false }, '/dev', ['/dev'])).toEqual(['*', 'mine']);
    expect(roles({ apps: [app('/a')] }, '/', ['/dev'])).toEqual(['*']);
  });
});

describe('violations', () => {
  it.each([
    ['schema', { apps: [app('ok'), app('bad', { instances: -1 })] }, ['/apps(1)/instances']],
    ['schema', { groups: [{ id: 'g', apps: [app('a', { cpus: 'x' })] }] }, ['/groups(0)/apps(0)/cpus']],
    ['schema', { id: '/Dev' }, ['/id']],
    ['schema', { groups: [{}] }, ['/groups(0)/id']],
    ['schema', { version: 'x' }, ['/version']],
    ['schema', { scaleBy: -1 }, ['/scaleBy']],
    ['schema', { apps: 'all' }, ['/apps']],
    ['rules', { scaleBy: 2, apps: [] }, ['/scaleBy']],
    ['rules', { version: '2020-01-01T00:00:00.000Z', id: '/x' }, ['/version']],
    ['rules', { version: '2020-01-01T00:00:00.000Z', scaleBy: 2 }, ['/scaleBy', '/version']],
    ['rules', { groups: [{ id: 'g', scaleBy: 2 }] }, ['/groups(0)/scaleBy']],
    ['rules', { pods: [{ id: '/p' }] }, ['/pods']],
    ['rules', { id: '/dev/versions' }, ['/']],
    ['rules', { id: '/dev', apps: [app('/other/web')] }, ['/apps(0)/id']],
    ['rules', { id: '/dev', apps: [app('lol/web')] }, ['/apps(0)/id']],
    ['rules', { id: '/dev', apps: [app('web'), app('/dev/web')] }, ['/apps(1)/id']],
    ['rules', { id: '/dev', groups: [{ id: '/x' }] }, ['/groups(0)/id']],
    ['rules', { id: '/dev', groups: [{ id: 'a' }, { id: 'a' }] }, ['/groups(1)/id']],
    ['rules', { id: '/dev', groups: [{ id: 'tasks' }] }, ['/groups(0)/id']],
    ['rules', { id: '/dev', groups: [{ id: 'sub', enforceRole: true }] }, ['/groups(0)/enforceRole']],
    ['rules', { enforceRole: true }, ['/enforceRole']],
    ['rules', { id: '/dev', dependencies: ['/ok', '/No'] }, ['/dependencies(1)']],
    // rule violations of an app keep its own path
    ['rules', { id: '/dev', apps: [{ id: 'web' }] }, ['/']],
    ['rules', { apps: [app('a', { constraints: [['hostname', 'NEAR']] })] }, ['/constraints(0)']],
  ])('%s: %j', (stage, body, expected) => {
    const outcome = parse(body);
    expect(outcome.stage).toBe(stage);
    expect(paths(outcome)).toEqual(expected);
  });

  it('tells all of a stage together, and the schema first', () => {
    const body = { id: '/dev', apps: [app('/far/a'), { id: 'b' }], groups: [{ id: '/c' }] };
    expect(paths(parse(body))).toEqual(['/', '/apps(0)/id', '/groups(0)/id']);
    expect(paths(parse({ ...body, scaleBy: 'x' }))).toEqual(['/scaleBy']);
  });

  it('refuses more than one turn can decide, before it looks at any of it', () => {
    const many = Array.from({ length: APPS_PER_CALL_MAX }, (_, at) => app(`a${at}`));
    const over = parse({ apps: many, groups: [{ id: 'g', apps: [app('x')] }] });
    expect(over.problems).toEqual([
      `/apps: must not name more than ${APPS_PER_CALL_MAX} apps, it names ${APPS_PER_CALL_MAX + 1}: send them in parts`,
    ]);
    const groups = Array.from({ length: GROUPS_PER_CALL_MAX + 1 }, (_, at) => ({ id: `g${at}` }));
    expect(paths(parse({ groups }))).toEqual(['/groups']);
  });

  it('refuses depths whose ids would be too long, and survives 240 levels', () => {
    const nested = (left: number): object => ({ id: 'deep', groups: left ? [nested(left - 1)] : [] });
    expect(paths(parse(nested(240)))).toContain(`${'/groups(0)'.repeat(40)}/id`);
    expect(parse(nested(30)).problems).toEqual([]);
  });

  it('never throws, whatever comes', () => {
    const part = fc.jsonValue({ maxDepth: 3 });
    const members = { id: part, apps: part, groups: fc.array(part), dependencies: part, scaleBy: part };
    fc.assert(
      fc.property(fc.oneof(part, fc.record(members, { requiredKeys: [] })), (body) => {
        parse(body);
        readEnforceRole(body);
      }),
    );
  });
});

it('reads the role rule, false when it is not given', () => {
  expect(readEnforceRole({ enforceRole: true })).toEqual({ kind: 'ok', enforceRole: true });
  expect(readEnforceRole({})).toEqual({ kind: 'ok', enforceRole: false });
  expect(readEnforceRole({ enforceRole: 'yes' })).toMatchObject({ problems: [{ path: '/enforceRole' }] });
});

it('publishes its schema with the one of sub-groups', () => {
  const { GroupUpdate, SubGroupUpdate } = groupUpdateSchemaJson();
  expect(Object.keys(GroupUpdate.properties ?? {})).toEqual(Object.keys(SubGroupUpdate.properties ?? {}));
  expect([GroupUpdate.required, SubGroupUpdate.required]).toEqual([undefined, ['id']]);
  expect(GroupUpdate.properties?.['groups']?.items).toEqual({ $ref: '#/components/schemas/SubGroupUpdate' });
});
