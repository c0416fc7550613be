import { describe, expect, it } from '@jest/globals';
import { parseApp } from './parse-app.js';
import { parseAppFile } from './app-file.js';
import { showApp } from './show-app.js';

const body = (members: string): unknown => JSON.parse(`{"id":"/h","cmd":"sleep 1","instances":0${members}}`);

describe('hostile definitions', () => {
  it('keep names like __proto__ as plain data and touch nothing else', () => {
    const input = body(
      ',"env":{"__proto__":"a","constructor":"b","toString":"c"},"labels":{"__proto__":"x"},"__proto__":{"instances":5,"polluted":"yes"}',
    );
    const parsed = parseApp(input);
    if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed));
    expect(Object.entries(parsed.spec.env)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ]);
    expect(parsed.spec.instances).toBe(0);
    expect(JSON.stringify(showApp(parsed.spec).labels)).toBe('{"__proto__":"x"}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('do not read members of the prototype', () => {
    const inherited: unknown = Object.create({ id: '/x', cmd: 'sleep 1' });
    expect(parseApp(inherited)).toMatchObject({ kind: 'problems', problems: [{ path: '/id' }] });
  });

  it('may be nested deeply where nothing is read, and are refused where a text is read', () => {
    const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
    expect(parseApp(body(`,"unknown":${deep},"ipAddress":{"groups":${deep}}`)).kind).toBe('problems');
    expect(parseApp(body(`,"unknown":${deep}`)).kind).toBe('ok');
    expect(parseApp(body(`,"labels":${deep}`))).toMatchObject({ problems: [{ path: '/labels' }] });
  });

  it('have no half characters, and no number beyond every range', () => {
    expect(parseApp(body(',"labels":{"a":"\\ud800"}'))).toMatchObject({ problems: [{ path: '/labels/a' }] });
    for (const number of ['1e400', '-1e400', '99999999999999999999999']) {
      const instances = parseApp(body(`,"instances":${number}`));
      expect(instances).toMatchObject({ stage: 'schema', problems: [{ path: '/instances' }] });
      expect(parseApp(body(`,"cpus":${number}`))).toMatchObject({
        stage: 'schema',
        problems: [{ path: '/cpus' }],
      });
    }
  });

  it('cannot make the list of problems endless', () => {
    const parsed = parseApp({ id: '/h', cmd: 'sleep 1', args: Array.from({ length: 5000 }, () => 1) });
    expect(parsed.kind === 'problems' && parsed.problems.length).toBe(1000);
  });

  it('may hold a regular expression that explodes elsewhere', () => {
    const constraints = [['hostname', 'LIKE', '(([a-z0-9-])+.)+[A-Z]([a-z])+$']];
    expect(parseApp({ id: '/h', cmd: 'sleep 1', constraints }).kind).toBe('ok');
  });

  it('may nest groups only so deep', () => {
    let group: object = { id: 'g', apps: [] };
    for (let depth = 0; depth < 20_000; depth += 1) group = { id: 'g', groups: [group] };
    const read = parseAppFile(group);
    expect(read.kind === 'problems' && read.problems[0]?.errors[0]).toContain('nested deeper than 50');
  });
});
