// docs/reference is what the code says: the committed pages are the generated ones, and nothing in the code is without its words.
import { readFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { BODY_SCHEMAS } from '../body-schemas.js';
import { APP_SECTIONS } from './app-sections.js';
import { withoutSection } from './app-page.js';
import { REFERENCE_PAGES } from './index.js';
import { flatten } from './schema-words.js';

const FOLDER = join('docs', 'reference');
const pages = Object.entries(REFERENCE_PAGES).map(([name, make]) => ({ name, text: make() }));

describe('the reference', () => {
  it.each(pages)(
    '$name is what the code says; node scripts/reference.mjs writes it anew',
    ({ name, text }) => {
      expect(readFileSync(join(FOLDER, name), 'utf8')).toBe(text);
    },
  );

  it.each(pages)('$name links only to what is there', ({ name, text }) => {
    const links = [...text.matchAll(/\]\(([^)#]*)(#[^)]*)?\)/g)].map(([, file = '', heading]) => ({
      file,
      heading,
    }));
    const broken = links.filter(({ file, heading }) => {
      const target = file === '' ? name : join(dirname(name), file);
      const content = pages.find((each) => each.name === target)?.text;
      if (content === undefined) return !existsSync(join(FOLDER, target));
      return heading !== undefined && !headingsOf(content).includes(heading.slice(1));
    });
    expect(broken).toEqual([]);
  });

  it('puts every member of a definition into a section', () => {
    const all = flatten(BODY_SCHEMAS['App'] ?? {});
    expect(withoutSection(all)).toEqual([]);
    const paths = all.map(({ path }) => path);
    expect(APP_SECTIONS.flatMap(({ members }) => members).filter((each) => !paths.includes(each))).toEqual(
      [],
    );
  });

  it.each(['App', 'GroupUpdate', 'SubGroupUpdate'])('says of every member of %s what it means', (name) => {
    const silent = flatten(BODY_SCHEMAS[name] ?? {}).filter(
      ({ schema }) => typeof schema['description'] !== 'string',
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});

/** Anchors as GitHub makes them. */
const headingsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
