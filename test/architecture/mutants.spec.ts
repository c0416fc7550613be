// The defects that `npm run mutants` plants still fit the code: each finds its text exactly once, and what comes of it is a program.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly says: string;
  readonly quick?: boolean;
}
/** A script without types. */
const LIST: string = '../simulation/mutants.mjs';
const { MUTANTS } = (await import(LIST)) as { readonly MUTANTS: readonly Mutant[] };

describe('the planted defects', () => {
  it('are at least fourteen, named differently, three of them quick', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(14);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.filter(({ quick }) => quick).length).toBe(3);
  });

  it.each(MUTANTS.map((each) => [each.name, each] as const))('%s fits the code', (_, mutant) => {
    const source = readFileSync(new URL(`../../${mutant.file}`, import.meta.url), 'utf8');
    expect(source.split(mutant.find).length - 1).toBe(1);
    const planted = source.replace(mutant.find, () => mutant.replace);
    expect(planted).not.toBe(source);
    const { diagnostics } = ts.transpileModule(planted, {
      fileName: mutant.file,
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
    });
    expect(diagnostics?.map(({ messageText }) => messageText)).toEqual([]);
  });
});
