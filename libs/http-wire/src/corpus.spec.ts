// The smuggling corpus against the reader alone: in one piece and octet by octet. libs/proxy-engine sends the same cases through the proxy.
import { describe, expect, it } from '@jest/globals';
import { ANSWER_CASES } from './fixtures/corpus-answers.js';
import { REQUEST_CASES } from './fixtures/corpus-requests.js';
import { difference } from './fixtures/compare-readings.js';
import type { Reading, Stream } from './fixtures/observed.js';
import { readNatively } from './fixtures/read-natively.js';
import { readStrictly } from './fixtures/read-strictly.js';
import { createChunkedScanner, readRequestHead, readResponseHead, readTrailerSection } from './index.js';

const READER = { readRequestHead, readResponseHead, readTrailerSection, createChunkedScanner };
/** The limits of the fast path: the cases that are too long are too long for these. */
const LIMITS = { headBytes: 32 * 1024, targetBytes: 8 * 1024, lines: 256 };

function readings(stream: Stream): Reading[] {
  const { length } = stream.bytes;
  // each octet alone where that is quick, else the first ones and a cut here and there
  const step = length < 2_000 ? 1 : 997;
  const cuts = Array.from({ length: Math.ceil(length / step) - 1 }, (_, i) => (i + 1) * step);
  return [readStrictly(READER, stream, LIMITS), readStrictly(READER, { ...stream, cuts }, LIMITS)];
}

describe('the smuggling corpus', () => {
  it('is as large as promised, each case named once in its class', () => {
    expect(REQUEST_CASES.length + ANSWER_CASES.length).toBeGreaterThanOrEqual(150);
    for (const cases of [REQUEST_CASES, ANSWER_CASES]) {
      expect(new Set(cases.map(({ attack, name }) => `${attack}: ${name}`)).size).toBe(cases.length);
    }
  });

  it.each(REQUEST_CASES)('request, $attack: $name', ({ bytes, reader, whole }) => {
    const stream: Stream = { kind: 'requests', bytes: Buffer.from(bytes, 'latin1'), cuts: [], methods: [] };
    for (const reading of readings(stream)) {
      expect([outcome(reading), reading.messages.filter((each) => each.whole).length]).toEqual([
        reader,
        whole,
      ]);
      expect(difference(reading, readNatively(stream))).toBeUndefined();
    }
  });

  it.each(ANSWER_CASES)('answer, $attack: $name', ({ bytes, reader, method }) => {
    const stream: Stream = {
      kind: 'answers',
      bytes: Buffer.from(bytes, 'latin1'),
      cuts: [],
      methods: [method],
    };
    for (const reading of readings(stream)) {
      const said = outcome(reading);
      expect(said === 502 ? 'bad' : said).toBe(reader);
      expect(difference(reading, readNatively(stream))).toBeUndefined();
    }
  });
});

/** As the corpus puts it. */
function outcome({ end, status, why }: Reading): number | string {
  if (end === 'refused') return status === 0 ? 'bad body' : status;
  if (end === 'handed on') return end;
  return why === '' ? 'read' : why;
}
