import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asSince, logEntries, type LogEntry } from './log-frames.js';

const TIME = '2026-01-02T03:04:05.123456789Z';

function frame(bytes: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(`${TIME} `), bytes]);
  const header = Buffer.alloc(8);
  header[0] = 1;
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

async function read(chunks: Buffer[], tty = false): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of logEntries(Readable.from(chunks), tty)) entries.push(entry);
  return entries;
}

describe('log frames', () => {
  it('are found again whatever the chunks of the answer are, without one that broke off', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 20 }),
        async (texts, size, torn) => {
          const whole = Buffer.concat([...texts.map(frame), frame(Buffer.from('torn')).subarray(0, torn)]);
          const chunks: Buffer[] = [];
          for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
          const entries = await read(chunks);
          expect(entries.map((entry) => [...entry.bytes])).toEqual(texts.map((text) => [...text]));
          expect(entries.every((entry) => entry.time === TIME)).toBe(true);
        },
      ),
    );
  });

  it('of a terminal are lines, pieces of long lines, and a last one without an end', async () => {
    const line = fc.stringMatching(/^[a-z 0-9:.-]{0,50}$/).map((text) => `${text}\r\n`);
    const piece = fc.constantFrom(16_384, 16_390).map((length) => 'x'.repeat(length));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: line }, piece), { maxLength: 6 }),
        fc.constantFrom('', 'no end'),
        fc.integer({ min: 1, max: 40_000 }),
        async (texts, last, size) => {
          const all = [...texts, ...(last ? [last] : [])];
          const whole = Buffer.from(all.map((text) => `${TIME} ${text}`).join(''));
          const chunks: Buffer[] = [];
          for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
          const entries = await read(chunks, true);
          expect(entries.map((entry) => entry.bytes.toString())).toEqual(all);
          expect(entries.every((entry) => entry.time === TIME)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('have times that the engine takes back to the nanosecond', () => {
    expect(asSince(TIME)).toBe('1767323045.123456789');
  });
});
