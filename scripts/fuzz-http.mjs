// `npm run fuzz:http [-- OPTIONS]`: differential fuzzing of the strict HTTP/1.1 reader (libs/http-wire) against Node's llhttp. A stream
// is made of its seed alone, so what is found can be had again by `--first SEED --count 1`.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const USAGE = `npm run fuzz:http -- [OPTIONS]

  --count N    streams (1000000)
  --first N    the first seed (a fresh one)
  --max N      findings after which it stops (20)
  --help

The exit code is 0 when nothing was found, 1 when something was, 2 for a mistake in the options.
`;
const BATCH = 50_000;
const SEEDS = 2 ** 32;
const say = (line) => process.stdout.write(`${line}\n`);

const { count, first, max } = readOptions();
await prepare();
const { fuzz } = await import('../dist/libs/http-wire/src/fixtures/fuzz.js');
const reader = await import('../dist/libs/http-wire/src/index.js');

const startedAt = performance.now();
const sum = { streams: 0, taken: 0, nativeRefusals: 0, findings: 0 };
say(`seeds from ${first}, llhttp ${process.versions.llhttp}, Node ${process.version}`);
while (sum.streams < count && sum.findings < max) {
  const report = fuzz(reader, {
    first: first + sum.streams,
    count: Math.min(BATCH, count - sum.streams),
    findingsMax: max - sum.findings,
  });
  sum.streams += report.streams;
  sum.taken += report.taken;
  sum.nativeRefusals += report.nativeRefusals;
  sum.findings += report.findings.length;
  for (const { seed, what, stream } of report.findings) {
    say(`FOUND seed ${seed}: ${what}`);
    say(`  ${stream.kind} to ${stream.methods.join()}: ${JSON.stringify(stream.bytes.toString('latin1'))}`);
    say(`  cut at ${stream.cuts.join()}`);
  }
  const rate = Math.round((sum.streams / (performance.now() - startedAt)) * 1000);
  say(`${sum.streams} streams, ${sum.taken} messages taken, ${sum.findings} found, ${rate} streams/s`);
}
say(
  `seeds ${first} to ${first + sum.streams - 1}; llhttp refused ${sum.nativeRefusals} of ${sum.streams} streams`,
);
process.exitCode = sum.findings > 0 ? 1 : 0;

function readOptions() {
  const string = { type: 'string' };
  try {
    const { values } = parseArgs({
      options: { count: string, first: string, max: string, help: { type: 'boolean' } },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    return {
      count: number('--count', values.count ?? '1000000', 1),
      first: number('--first', values.first ?? String(randomInt(SEEDS / 2)), 0),
      max: number('--max', values.max ?? '20', 1),
    };
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function number(name, text, least) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value >= SEEDS)
    throw new Error(`${name} takes a number from ${least} to ${SEEDS - 1}, not ${text}`);
  return value;
}
