// Differential fuzzing in short: streams of fixed and of fresh seeds through the strict reader and through llhttp. `npm run fuzz:http`
// runs as many as one likes. What it found once is kept in fixtures/found-streams.ts.
import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { FOUND_STREAMS } from './fixtures/found-streams.js';
import { check, fuzz } from './fixtures/fuzz.js';
import type { Stream } from './fixtures/observed.js';
import { createChunkedScanner, readRequestHead, readResponseHead, readTrailerSection } from './index.js';

const READER = { readRequestHead, readResponseHead, readTrailerSection, createChunkedScanner };
const FRESH = randomInt(2 ** 31);

describe('the strict reader beside llhttp', () => {
  it.each([
    ['seeds from 1', 1],
    [`fresh seeds from ${FRESH}`, FRESH],
  ])('takes nothing that llhttp refuses and frames nothing differently: %s', (_, first) => {
    const { findings, taken, ends, nativeRefusals } = fuzz(READER, { first, count: 10_000, findingsMax: 5 });
    expect(findings.map(({ seed, what, stream }) => [seed, what, stream.bytes.toString('latin1')])).toEqual(
      [],
    );
    // a fuzzer whose streams are all refused, or all good, compares nothing
    expect(taken).toBeGreaterThan(5_000);
    expect(ends['refused']).toBeGreaterThan(2_000);
    expect(ends['hungry']).toBeGreaterThan(1_000);
    expect(nativeRefusals).toBeGreaterThan(2_000);
  });

  it.each(FOUND_STREAMS)('still agrees where it once did not: $what', ({ kind, text, methods }) => {
    const bytes = Buffer.from(text, 'latin1');
    const stream: Stream = { kind, bytes, cuts: [], methods };
    expect(check(READER, stream)).toBeUndefined();
    const everywhere = bytes.length > 1 ? Array.from({ length: bytes.length - 1 }, (__, i) => i + 1) : [];
    expect(check(READER, { ...stream, cuts: everywhere })).toBeUndefined();
  });
});
