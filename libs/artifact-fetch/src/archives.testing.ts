// Archives for the specs of this lib: real ones made by the host's programs, and crafted ones that no program would make.
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CraftedEntry {
  readonly path: string;
  /** tar's type; a file when absent. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: string;
  readonly mode?: number;
}

/** A tar archive with exactly these headers. */
export function craftedTar(entries: readonly CraftedEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, type = '0', link = '', content = '', mode = 0o644 }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(path, 0);
    header.write(mode.toString(8).padStart(7, '0'), 100);
    header.write(bytes.length.toString(8).padStart(11, '0'), 124);
    header.write(' '.repeat(8), 148);
    header.write(type, 156);
    header.write(link, 157);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** `pack/run` (executable), `pack/deep/<130 characters>`, `pack/link` to it; packed from the folder that holds `pack`. */
export function plantTree(folder: string): string {
  const long = 'long-'.repeat(26);
  mkdirSync(join(folder, 'pack', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'pack', 'run'), '#!/bin/sh\necho it runs\n', { mode: 0o755 });
  writeFileSync(join(folder, 'pack', 'deep', long), 'words');
  symlinkSync(join('deep', long), join(folder, 'pack', 'link'));
  return long;
}

/** Packs `pack` as the ending says. */
export function pack(folder: string, archive: string): void {
  const flags: Record<string, string> = {
    gz: '-czf',
    tgz: '-czf',
    bz2: '-cjf',
    tbz2: '-cjf',
    xz: '-cJf',
    txz: '-cJf',
  };
  const ending = archive.slice(archive.lastIndexOf('.') + 1);
  const quiet = { cwd: folder, stdio: 'ignore' } as const;
  if (ending === 'zip') execFileSync('zip', ['-qry', archive, 'pack'], quiet);
  else execFileSync('tar', [flags[ending] ?? '-cf', archive, 'pack'], quiet);
}
