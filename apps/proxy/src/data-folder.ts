// What a proxy keeps on disk: its identity, made once, and the last route table with cluster and epoch. Each file is written aside,
// flushed and renamed, so a crash leaves the old one or the new one, never half of one.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { asProxyId, type ProxyId } from '#libs/model';
import { judgeTable, type ProxyJournal, type ProxyMemory } from '#libs/proxy-core';
import type { Ids } from '#libs/time';

const NOTHING: ProxyMemory = { cluster: null, epoch: 0, table: null };

export class DataFolder implements ProxyJournal {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  /** Makes the folder, for the owner only, if it is not there. */
  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  /** For what a data path keeps itself. */
  get path(): string {
    return this.#path;
  }

  /** The id under which the control plane knows this proxy; the same over restarts. */
  identity(ids: Ids): ProxyId {
    const known = this.#read('identity.json');
    if (isRecord(known) && typeof known['proxyId'] === 'string') return asProxyId(known['proxyId']);
    const proxyId = asProxyId(`proxy-${ids.uuid()}`);
    const aside = join(this.#path, 'identity.json.new');
    writeFileSync(aside, JSON.stringify({ proxyId }), { mode: 0o600, flush: true });
    renameSync(aside, join(this.#path, 'identity.json'));
    return proxyId;
  }

  /** Empty when there is none or it is damaged; then a table comes from the control plane. */
  memory(): ProxyMemory {
    const stored = this.#read('table.json');
    if (!isRecord(stored)) return NOTHING;
    const { cluster, epoch, table } = stored;
    if (!Number.isSafeInteger(epoch)) return NOTHING;
    const verdict = judgeTable(NOTHING, table);
    return {
      cluster: typeof cluster === 'string' ? cluster : null,
      epoch: Number(epoch),
      table: verdict.kind === 'take' ? verdict.table : null,
    };
  }

  /** One after the other, in the order of the calls. */
  save(memory: ProxyMemory): Promise<void> {
    const written = this.#writing.then(() => this.#write('table.json', JSON.stringify(memory)));
    // the next write must not fail because this one did; its caller hears about it
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(name: string, text: string): Promise<void> {
    const aside = join(this.#path, `${name}.new`);
    const file = await open(aside, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(aside, join(this.#path, name));
  }

  #read(name: string): unknown {
    try {
      return JSON.parse(readFileSync(join(this.#path, name), 'utf8'));
    } catch {
      // not there, or damaged by something other than us
      return undefined;
    }
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
