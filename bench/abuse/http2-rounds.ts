// `npm run bench -- abuse --http2-rounds N [--kinds a,b] [--seconds 20] [--rest 20] [--at-once 30] [--bare]`: hostile clients of HTTP/2 alone, in
// rounds with rest between. What an engine still holds after the last rest must not grow with the rounds.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import type { Held } from './http2-engine.js';

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Sessions that may be on their way out when they are counted. */
const LEFT_MAX = 30;

/** False: more stayed than should. */
export async function http2Rounds(words: readonly string[]): Promise<boolean> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      ...{ 'http2-rounds': text, kinds: text, seconds: text, rest: text, 'at-once': text },
      bare: { type: 'boolean' },
    },
  });
  const kinds = values.kinds?.split(',') ?? [];
  const [rounds, seconds, rest] = [
    whole('http2-rounds', values['http2-rounds']),
    whole('seconds', values.seconds ?? '20'),
    whole('rest', values.rest ?? '20'),
  ];
  const atOnce = whole('at-once', values['at-once'] ?? '30');
  const engine = fork(beside('http2-engine.js'), values.bare ? ['bare'] : [], {
    execArgv: ['--expose-gc', '--heapsnapshot-signal=SIGUSR2', '--no-warnings'],
  });
  try {
    const [port] = (await once(engine, 'message')) as [number];
    const held = async (): Promise<Held> => {
      engine.send('hold');
      return ((await once(engine, 'message')) as [Held])[0];
    };
    const row = (...cells: readonly (string | number)[]): void =>
      void process.stdout.write(`| ${cells.join(' | ')} |\n`);
    row('round', 'clients so far', 'JS sessions', 'native', 'RSS MB', 'fds');
    row(...Array.from({ length: 6 }, () => '---'));
    let last = await held();
    row('start', 0, last.sessions, last.native, last.rssMb, last.fds);
    let clients = 0;
    for (let round = 1; round <= rounds; round += 1) {
      clients += await flood([String(port), String(atOnce), ...kinds], seconds * 1_000);
      await pause(rest * 1_000);
      last = await held();
      row(round, clients, last.sessions, last.native, last.rssMb, last.fds);
    }
    return last.sessions <= LEFT_MAX;
  } finally {
    engine.kill('SIGKILL');
  }
}

async function flood(words: readonly string[], ms: number): Promise<number> {
  const clients = spawn(process.execPath, [beside('http2-clients.js'), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  clients.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(clients, 'close');
  await Promise.race([pause(ms), closed]);
  clients.stdin.end();
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error('the clients have failed, so what stays says nothing');
  return Number(said);
}

function whole(name: string, text = ''): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} must be a whole number from 1 on, not '${text}'`);
  return Number(text);
}
