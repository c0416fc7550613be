// The journal on a real disk: what a crash may leave behind never hides what was saved.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JournalEntry } from '#libs/agent-core';
import { asAgentId, asClusterId, asInstanceId } from '#libs/model';
import { silentLogger } from '#libs/telemetry';
import { FileJournal } from './file-journal.js';

let folder: string;
let journal: FileJournal;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-journal-'));
  journal = new FileJournal(folder, silentLogger);
  await journal.load();
});
afterEach(() => rmSync(folder, { recursive: true }));

const entry = (id: string, delayMs = 0): JournalEntry => ({
  instanceId: asInstanceId(id),
  assignment: null,
  task: null,
  delayMs,
});
const reloaded = (): ReturnType<FileJournal['load']> => new FileJournal(folder, silentLogger).load();

describe('the file journal', () => {
  it('is empty at first', async () => {
    expect(await reloaded()).toEqual({ identity: null, entries: [] });
  });

  it('gives back what was saved, the newest of each', async () => {
    const identity = { agentId: asAgentId('a'), run: 3, epoch: 4, cluster: asClusterId('c') };
    const long = entry(`deep.instance-${'x'.repeat(300)}`);
    await journal.saveIdentity(identity);
    await Promise.all([journal.saveInstance(entry('a_b.instance-1')), journal.saveInstance(long)]);
    await journal.saveInstance(entry('a_b.instance-1', 7));
    await journal.saveInstance(entry('gone'));
    await journal.removeInstance(asInstanceId('gone'));
    const found = await reloaded();
    expect(found.identity).toEqual(identity);
    expect(found.entries).toHaveLength(2);
    expect(found.entries).toEqual(expect.arrayContaining([entry('a_b.instance-1', 7), long]));
  });

  it('writes many at once without losing one', async () => {
    const entries = Array.from({ length: 100 }, (_, at) => entry(`many.instance-${at}`));
    await Promise.all(entries.map((each) => journal.saveInstance(each)));
    expect((await reloaded()).entries).toHaveLength(100);
  });

  it('is readable for its owner only, for it holds the environments of tasks', async () => {
    await journal.saveInstance(entry('secret'));
    expect(statSync(join(folder, 'journal', 'instances', 'secret.json')).mode & 0o777).toBe(0o600);
  });

  it('clears away half-written files, and puts a broken one aside', async () => {
    const instances = join(folder, 'journal', 'instances');
    await journal.saveInstance(entry('good'));
    writeFileSync(join(instances, 'good.json.99-1'), '{"half');
    writeFileSync(join(instances, 'bad.json'), '{"half');
    expect((await reloaded()).entries).toEqual([entry('good')]);
    expect(readdirSync(instances).sort()).toEqual(['bad.json.broken', 'good.json']);
  });
});
