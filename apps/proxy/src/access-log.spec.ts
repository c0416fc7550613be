// The access log on a real file: what is written, what is left out, and what rotation does.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { RequestRecord } from '#libs/proxy-core';
import { until } from '#libs/testkit';
import { AccessLog } from './access-log.js';

let folder: string;
let file: string;
const problems: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-access-log-'));
  file = join(folder, 'access.log');
  problems.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record = (status: number, urlPath = '/a'): RequestRecord => ({
  path: 'fast',
  service: undefined,
  target: undefined,
  method: 'GET',
  host: 'shop.example',
  urlPath,
  clientAddress: '192.0.2.1',
  requestId: 'id-1',
  status,
  durationMs: 1.23456,
  retries: 0,
  bytesOut: 5,
});
const logOf = (sample: number, random = 0.5): AccessLog =>
  new AccessLog({ file, sample, random: () => random, onProblem: (text) => problems.push(text) });
const lines = (of = file): string[] => readFileSync(of, 'utf8').split('\n').filter(Boolean);

it('has a JSON line per request, whatever the path holds', async () => {
  const log = logOf(1);
  log.ended(record(200, '/a"\n\u2028b'));
  await log.close();
  expect(lines()).toHaveLength(1);
  expect(JSON.parse(lines()[0] ?? '')).toMatchObject({
    path: '/a"\n\u2028b',
    status: 200,
    ms: 1.235,
    via: 'fast',
  });
});

it('leaves out what the sample leaves out, and never a failure', async () => {
  const log = logOf(0.4);
  for (const status of [200, 404, 500, 503, 0]) log.ended(record(status));
  await log.close();
  expect(lines().map((line) => (JSON.parse(line) as { status: number }).status)).toEqual([500, 503, 0]);
  rmSync(file);
  const torn = logOf(0);
  for (const abortedBy of ['client', 'target', 'silence', 'drain', undefined] as const)
    torn.ended({ ...record(200), abortedBy });
  await torn.close();
  expect(lines().map((line) => (JSON.parse(line) as { abortedBy: string }).abortedBy)).toEqual([
    'target',
    'silence',
    'drain',
  ]);
  const none = logOf(0, 0);
  none.ended(record(200));
  expect(none.counts).toEqual({ written: 0, dropped: 0 });
  await none.close();
});

it('goes on in a new file after it was moved away, and loses no line', async () => {
  const log = logOf(1);
  for (let at = 0; at < 100; at += 1) log.ended(record(200));
  await until('the file', () => {
    try {
      return lines().length === 100;
    } catch {
      return false;
    }
  });
  renameSync(file, `${file}.1`);
  log.ended(record(200));
  log.reopen();
  log.ended(record(200));
  await log.close();
  expect([lines(`${file}.1`).length, lines().length]).toEqual([101, 1]);
});

it('drops and counts when the disk does not keep up, and says when it cannot be written', async () => {
  const log = logOf(1);
  // in one turn nothing reaches the disk
  for (let at = 0; at < 30_000; at += 1) log.ended(record(200, `/${'x'.repeat(200)}`));
  expect(log.counts.dropped).toBeGreaterThan(0);
  expect(log.counts.written + log.counts.dropped).toBe(30_000);
  await log.close();
  expect(lines()).toHaveLength(log.counts.written);
  file = join(folder, 'none', 'access.log');
  const broken = logOf(1);
  await until('the problem', () => problems.length > 0);
  broken.ended(record(200));
  expect(broken.counts).toEqual({ written: 0, dropped: 1 });
  expect(problems).toEqual([expect.stringMatching(/cannot be written.*SIGHUP/)]);
  await broken.close();
});

it('waits for no reader of a pipe, keeps no thread from others, and ends all the same', async () => {
  execFileSync('mkfifo', [file]);
  const log = logOf(1);
  for (let turn = 0; turn < 20; turn += 1) {
    log.ended(record(200, `/${turn}`));
    log.reopen();
  }
  // what the disk is asked for goes through a few threads, which tables need
  for (let turn = 0; turn < 3; turn += 1) expect((await stat(folder)).isDirectory()).toBe(true);
  const reader = spawn('head', ['-n', '1', file]);
  let seen = '';
  reader.stdout.on('data', (bytes: Buffer) => (seen += bytes.toString()));
  await until('a line', () => seen.includes('"path":"/0"'));
  for (let at = 0; at < 2_000; at += 1) log.ended(record(200, `/${'x'.repeat(200)}`));
  await log.close();
  expect(problems).toEqual([]);
});

it('lives on when the reader of standard output has gone, and says so once', () => {
  const log = new AccessLog({ file: '-', sample: 1, onProblem: (text) => problems.push(text) });
  process.stdout.emit('error', new Error('write EPIPE'));
  process.stdout.emit('error', new Error('write EPIPE'));
  log.ended(record(200));
  expect(log.counts).toEqual({ written: 0, dropped: 1 });
  expect(problems).toEqual([expect.stringMatching(/standard output cannot be written.*EPIPE.*anew/)]);
});
