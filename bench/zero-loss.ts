// `npm run bench:zero-loss [-- OPTIONS]`: the zero-loss gate in its long form, then the same load and the same changes before
// `--engine haproxy`, HAProxy and nginx told by reloads, and a Longrun that does not wait for confirmations. The first must lose nothing, the last
// must lose something: a gate that cannot fail proves nothing.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gateTable, zeroLossGate, type GateOptions, type GateResult } from './zero-loss/gate.js';
import { isInstalled } from './proxy-peers.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    'without-confirmation': { type: 'boolean', default: false },
    updates: { type: 'string', default: '50' },
    rest: { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '500' },
    'web-sockets': { type: 'string', default: '100' },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const form: Omit<GateOptions, 'front'> = {
  amounts: {
    updates: Number(values.updates),
    ...{ scalings: Number(values.rest), kills: Number(values.rest), instances: 3, drainSeconds: 5 },
  },
  ...{ perSecond: Number(values['per-second']), webSockets: Number(values['web-sockets']) },
  ...{ slowBodyMs: { fromMs: 1_000, toMs: 2_000 }, say },
};

/** As `forgets-the-confirmation` of test/simulation/mutants.mjs, in a copy of the built code. */
const CONFIRMATION = {
  file: 'dist/libs/reconciler/src/confirmation.js',
  find: 'return liveProxies(view, now).every((each) => each.confirmed.number >= instance.leftAt);',
  replace: 'return liveProxies(view, now).every(() => true);',
};

function plantedCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-unconfirmed-'));
  for (const name of ['dist', 'bin', 'package.json'])
    cpSync(resolve(name), join(folder, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const file = join(folder, CONFIRMATION.file);
  const code = readFileSync(file, 'utf8');
  if (code.split(CONFIRMATION.find).length !== 2)
    throw new Error(`${file} has not the text that is to be replaced`);
  writeFileSync(file, code.replace(CONFIRMATION.find, CONFIRMATION.replace));
  return folder;
}

async function withoutConfirmation(): Promise<GateResult> {
  const folder = plantedCopy();
  try {
    // a tenth is enough to see it fail
    const { updates, scalings, kills } = form.amounts;
    const tenth = (count: number): number => Math.max(2, Math.ceil(count / 10));
    return await zeroLossGate({
      ...{ ...form, front: 'builtin', command: [process.execPath, join(folder, 'bin/longrun.mjs'), 'up'] },
      amounts: { ...form.amounts, updates: tenth(updates), scalings: tenth(scalings), kills: tenth(kills) },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ROWS: Readonly<Record<string, { title: string; run: () => Promise<GateResult> }>> = {
  builtin: { title: 'Longrun', run: () => zeroLossGate({ ...form, front: 'builtin' }) },
  haproxy: {
    title: 'Longrun, --engine haproxy',
    run: () => zeroLossGate({ ...form, front: 'haproxy' }),
  },
  'config-reload': {
    title: 'HAProxy with config reload',
    run: () => zeroLossGate({ ...form, front: 'config-reload' }),
  },
  'nginx-reload': {
    title: 'nginx with config reload',
    run: () => zeroLossGate({ ...form, front: 'nginx-reload' }),
  },
  'without-confirmation': { title: 'Longrun without confirmation (planted)', run: withoutConfirmation },
};

const chosen = values['without-confirmation']
  ? ['without-confirmation']
  : (values.only?.split(',') ?? Object.keys(ROWS));
for (const name of chosen) {
  const row = ROWS[name];
  if (!row) throw new Error(`--only takes ${Object.keys(ROWS).join(', ')}, not "${name}"`);
  const needed = name === 'nginx-reload' ? 'nginx' : /haproxy|reload/.test(name) ? 'haproxy' : undefined;
  if (needed !== undefined && !isInstalled(needed)) {
    say(`${row.title}: left out, ${needed} is not installed`);
    continue;
  }
  say(`${row.title} …`);
  const result = await row.run();
  const { drained, seconds, askedAgain, reloads, lost, ofCrashed, crash } = result;
  process.stdout.write(`### ${row.title}\n\n${gateTable(result)}\n`);
  process.stdout.write(
    `${seconds.toFixed(0)} s; ${lost.length} lost; ${drained} WebSockets closed with 1001 after their drain time; ${askedAgain} HTTP/2 streams refused unseen and asked again` +
      `${crash ? `; killed worker: ${crash.held.size} connections held, ${crash.handedOver.size} just handed over, ${ofCrashed.length} failures` : ''}` +
      `${reloads ? `; ${reloads} reloads` : ''}\n\n`,
  );
  if (name === 'builtin' && lost.length > 0) process.exitCode = 1;
  if (name === 'without-confirmation' && lost.length === 0) {
    say('the gate did not notice that nothing is confirmed');
    process.exitCode = 1;
  }
}
