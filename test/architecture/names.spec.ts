// Rules about the tree itself: no folder without a domain name, no schema made by guessing, no TODO without an issue.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOTS = ['apps', 'libs', 'migrations'];

function* walk(folder: string): Iterable<string> {
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    yield path;
    if (statSync(path).isDirectory()) yield* walk(path);
  }
}
const paths = ROOTS.flatMap((root) => [...walk(root)]);
const sources = paths.filter((path) => path.endsWith('.ts'));

describe('names', () => {
  it('has no common, shared, utils or helpers anywhere', () => {
    const shapeless = /^(common|shared|utils?|helpers?|misc)(\.ts)?$/;
    expect(paths.filter((path) => shapeless.test(basename(path)))).toEqual([]);
  });

  it('names files in kebab case', () => {
    expect(
      sources.map((path) => basename(path)).filter((name) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(name)),
    ).toEqual([]);
  });

  it('never lets TypeORM make the schema', () => {
    expect(sources.filter((path) => /synchronize:\s*true/.test(readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('has no TODO without an issue number', () => {
    expect(
      sources.filter((path) => /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/.test(readFileSync(path, 'utf8'))),
    ).toEqual([]);
  });

  it('opens every file with words about its purpose', () => {
    const silent = sources.filter(
      (path) => !path.endsWith('spec.ts') && !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(readFileSync(path, 'utf8')),
    );
    expect(silent).toEqual([]);
  });
});
