// docs/reference/labels.md names every label, so that nobody has to read the code to find one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { APP_NAMES, insteadOf, LIFE_CYCLE_NAMES, OWN_NAMES, PORT_NAMES } from './label-names.js';

const page = readFileSync(join(process.cwd(), 'docs', 'reference', 'labels.md'), 'utf8');

describe('the page of the labels', () => {
  it('names each one of Longrun', () => {
    expect(OWN_NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
    expect([...LIFE_CYCLE_NAMES].filter((name) => !page.includes(`\`longrun.io/${name}\``))).toEqual([]);
  });

  it('names each one of marathon-lb, carried out or not', () => {
    expect([...PORT_NAMES].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
    const written = (name: string): boolean =>
      page.includes(`HAPROXY_${name}\``) ||
      page.includes(`\`_${name.replace('DEPLOYMENT', '')}`.replace('__', '_'));
    expect([...APP_NAMES].filter((name) => !written(name))).toEqual([]);
  });

  it('names no template that the code does not know', () => {
    const [, section = ''] = /## Not carried out[^\n]*\n([\s\S]*?)\n## /.exec(page) ?? [];
    const names = [
      ...section.matchAll(
        /`(?:HAPROXY_)?((?:MAP_|HTTPS?_|BACKEND_|TCP_|FRONTEND_|USERLIST_|SSL_|HEAD)[A-Z_]*)`/g,
      ),
    ];
    expect(names.length).toBeGreaterThan(25);
    expect(names.map(([, name = '']) => name).filter((name) => insteadOf(name) === undefined)).toEqual([]);
  });
});
