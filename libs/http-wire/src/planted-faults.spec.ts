// Does the fuzzing find anything? Faults of the kind that parsers really had are planted into a copy of the reader, one at a time, and
// each must be found within a few thousand streams. The copy is built into a folder of its own; the tree is not touched.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import ts from 'typescript';
import { fuzz } from './fixtures/fuzz.js';
import type { WireReader } from './fixtures/observed.js';

jest.setTimeout(120_000);

interface Fault {
  readonly what: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
const fault = (what: string, file: string, find: string, replace: string): Fault => ({
  what,
  file,
  find,
  replace,
});

const FAULTS: readonly Fault[] = [
  fault(
    'both lengths pass (CL.TE)',
    'field-facts.ts',
    'if (facts.chunked && facts.length >= 0)',
    'if (facts.chunked && facts.length > 1e9)',
  ),
  fault(
    'the last of several lengths counts (CL.CL)',
    'field-facts.ts',
    "if (facts.length >= 0) return refuse('more than one Content-Length');",
    '',
  ),
  fault(
    'framing fields are known in small letters only',
    'special-fields.ts',
    'if ((octet | 0x20) === name[i]) continue;',
    'if (octet === name[i]) continue;',
  ),
  fault(
    'any octet may follow the data of a chunk',
    'chunked-scanner.ts',
    'return this.#expect(octet, CR, DATA_LF);',
    'return this.#to(DATA_LF);',
  ),
  fault(
    'a cut inside a chunk size forgets what was read of it',
    'chunked-scanner.ts',
    'let p = from;',
    'let p = from; if (this.#state === SIZE) this.#size = 0;',
  ),
  fault(
    'NUL may stand in a value',
    'field-lines.ts',
    'octet !== DELETE) || octet === TAB',
    'octet !== DELETE) || octet === TAB || octet === 0',
  ),
  fault(
    'blanks around an option are what JavaScript calls blanks',
    'field-facts.ts',
    '/^ +| +$/g',
    '/^\\s+|\\s+$/g',
  ),
  fault('an answer to HEAD has a body', 'response-head.ts', "to.method === 'HEAD' ||", ''),
  fault('close is not heard', 'request-head.ts', 'keepAlive: !facts.close', 'keepAlive: true'),
];

const SOURCE = fileURLToPath(new URL('.', import.meta.url));
const STREAMS_MAX = 8_000;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-planted-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  mkdirSync(join(folder, 'right'));
  for (const file of readdirSync(SOURCE)) {
    if (file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      build(file, readFileSync(join(SOURCE, file), 'utf8'), 'right');
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function build(file: string, source: string, into: string): void {
  const { outputText } = ts.transpileModule(source, {
    fileName: file,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  writeFileSync(join(folder, into, file.replace(/\.ts$/, '.js')), outputText);
}

const load = (name: string): Promise<WireReader> =>
  import(pathToFileURL(join(folder, name, 'index.js')).href);

describe('a fault planted into the reader', () => {
  it.each(FAULTS)('is found: $what', async ({ file, find, replace }) => {
    const source = readFileSync(join(SOURCE, file), 'utf8');
    const parts = source.split(find);
    expect(parts.length).toBe(2);
    const name = `wrong-${FAULTS.findIndex((each) => each.find === find)}`;
    cpSync(join(folder, 'right'), join(folder, name), { recursive: true });
    build(file, parts.join(replace), name);
    const { findings } = fuzz(await load(name), { first: 1, count: STREAMS_MAX, findingsMax: 1 });
    expect(findings).toHaveLength(1);
  });

  it('and the copy without one is as good as the original', async () => {
    expect(fuzz(await load('right'), { first: 1, count: 500, findingsMax: 1 }).findings).toEqual([]);
  });
});
