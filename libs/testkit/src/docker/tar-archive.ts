// Writes a tar archive (ustar) in memory: enough to make a root file system for a test image without a network.

export type TarEntry =
  | { readonly kind: 'file'; readonly path: string; readonly content: Buffer; readonly mode?: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'folder'; readonly path: string; readonly mode?: number };

const BLOCK = 512;
const TYPE = { file: '0', link: '2', folder: '5' } as const;

/** Paths and link targets are at most 100 bytes, relative to the root of the image. */
export function tarArchive(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) =>
    entry.kind === 'file' ? [header(entry), padded(entry.content)] : [header(entry)],
  );
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(entry: TarEntry): Buffer {
  const target = entry.kind === 'link' ? entry.target : '';
  if (Buffer.byteLength(entry.path) > 100 || Buffer.byteLength(target) > 100) {
    throw new Error(`too long for a tar header: ${entry.path}`);
  }
  const block = Buffer.alloc(BLOCK);
  const mode = entry.kind === 'link' ? 0o777 : (entry.mode ?? 0o755);
  block.write(entry.path, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108); // owner
  block.write(octal(0, 7), 116); // group
  block.write(octal(entry.kind === 'file' ? entry.content.length : 0, 11), 124);
  block.write(octal(0, 11), 136); // modified
  block.write(' '.repeat(8), 148); // the checksum counts as blanks while it is taken
  block.write(TYPE[entry.kind], 156);
  block.write(target, 157);
  block.write('ustar\u000000', 257);
  block.write(
    octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    ) + '\0 ',
    148,
  );
  return block;
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}
