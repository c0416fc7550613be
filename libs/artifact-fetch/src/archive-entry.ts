// What the readers of archives give to the unpacker: one entry at a time, its bytes as a stream that must be taken before the next.

export interface ArchiveEntry {
  /** As the archive has it. */
  readonly path: string;
  readonly type: 'file' | 'folder' | 'symlink' | 'hardlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  /** Of both kinds of links. */
  readonly linkTarget: string;
  readonly body: AsyncIterable<Buffer>;
}

/** The bytes are not what the ending of the name says. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}
