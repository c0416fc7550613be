// The journal as small files, one per instance: written aside, synced, renamed, so that a crash leaves the old or the new one and
// never half of one. They hold the environments of tasks, and so are for our user only.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AgentIdentity, AgentLog, Journal, JournalEntry } from '#libs/agent-core';
import type { InstanceId } from '#libs/model';

/** File names may have 255 bytes; longer ids are hashed. */
const NAME_CHARACTERS_MAX = 200;
/** A thousand assignments at once must not open a thousand files. */
const WRITES_MAX = 16;

export class FileJournal implements Journal {
  readonly #identity: string;
  readonly #instances: string;
  readonly #log: AgentLog;
  #serial = 0;
  #writing = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(dataDir: string, log: AgentLog) {
    this.#identity = join(dataDir, 'journal', 'identity.json');
    this.#instances = join(dataDir, 'journal', 'instances');
    this.#log = log;
  }

  async load(): Promise<{ identity: AgentIdentity | null; entries: JournalEntry[] }> {
    await mkdir(this.#instances, { recursive: true, mode: 0o700 });
    const identity = (await this.#read(this.#identity)) as AgentIdentity | null;
    const entries: JournalEntry[] = [];
    for (const name of await readdir(this.#instances)) {
      const path = join(this.#instances, name);
      // left by a crash while writing: the file it was to replace is whole
      if (!name.endsWith('.json')) await rm(path, { force: true });
      else {
        const entry = (await this.#read(path)) as JournalEntry | null;
        if (entry) entries.push(entry);
      }
    }
    return { identity, entries };
  }

  saveIdentity(identity: AgentIdentity): Promise<void> {
    return this.#write(this.#identity, identity);
  }
  saveInstance(entry: JournalEntry): Promise<void> {
    return this.#write(this.#pathOf(entry.instanceId), entry);
  }
  async removeInstance(id: InstanceId): Promise<void> {
    await rm(this.#pathOf(id), { force: true });
  }

  #pathOf(id: InstanceId): string {
    const name = encodeURIComponent(id);
    const short = name.length <= NAME_CHARACTERS_MAX;
    return join(this.#instances, `${short ? name : createHash('sha256').update(id).digest('hex')}.json`);
  }

  /** Null: there is none. One that cannot be read is put aside and said, for the others are still good. */
  async #read(path: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      if (!(error instanceof SyntaxError)) throw error;
      await rename(path, `${path}.broken`);
      this.#log.error({ file: basename(path) }, 'a journal file is not valid JSON and was put aside');
      return null;
    }
  }

  async #write(path: string, content: object): Promise<void> {
    if (this.#writing >= WRITES_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#writing += 1;
    const aside = `${path}.${process.pid}-${(this.#serial += 1)}`;
    try {
      const file = await open(aside, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(content));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    } finally {
      this.#writing -= 1;
      this.#waiting.shift()?.();
    }
  }
}

/** Without it a power cut may undo the rename. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
