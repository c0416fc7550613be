import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { StreamBench, textEvent, type Reader } from './fixtures/stream-bench.js';

const MIB = 1024 * 1024;
const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
const small = (count: number) => range(1, count).map((each) => textEvent(`${each}`));
const large = (mark: number) => textEvent(`${mark} `.repeat(MIB / 2));

describe('EventHub', () => {
  let bench: StreamBench;
  beforeEach(async () => void (bench = await StreamBench.open()));
  afterEach(() => bench.close());

  const reads = (reader: Reader, numbers: readonly number[]): Promise<unknown> =>
    until(`events up to ${numbers.at(-1)}`, () => reader.numbers.length >= numbers.length).then(() =>
      expect(reader.numbers).toEqual(numbers),
    );

  it('sends the own attachment first and without id, then events with their number as the last line', async () => {
    const reader = await bench.read();
    await bench.commit([textEvent('a'), textEvent('ours', 'leader_changed_event'), textEvent('b')]);
    await reads(reader, [1, 3]);
    const [attached, first] = reader.frames;
    expect(attached).toMatch(/^event: event_stream_attached\ndata: \{"remoteAddress":"127.0.0.1",[^\n]+$/);
    const data = '{"text":"a","eventType":"app_terminated_event","timestamp":"1970-01-01T00:00:00.000Z"}';
    expect(first).toBe(`event: app_terminated_event\ndata: ${data}\nid: 1`);
  });

  it('goes on after a cursor, without a gap or a double while commits go on', async () => {
    await bench.commit(small(250));
    const cursors = [0, 1, 99, 100, 101, 249, 250];
    const readers: { reader: Reader; after: number }[] = [];
    for (const after of cursors) {
      readers.push({ reader: await bench.read({ after }), after });
      await bench.commit(small(7));
    }
    const last = 250 + 7 * cursors.length;
    for (const { reader, after } of readers) await reads(reader, range(after + 1, last));
  });

  it('keeps to the filter and the plan format on both sides of the seam', async () => {
    const planned = { ...textEvent('', 'deployment_info'), payload: { plan: { id: 'd', original: 1 } } };
    await bench.commit([textEvent('a'), planned, textEvent('b')]);
    const reader = await bench.read({ after: 0, types: ['deployment_info'], lightPlans: true });
    await reads(reader, [2]);
    await bench.commit([planned, textEvent('c')]);
    await reads(reader, [2, 4]);
    for (const frame of reader.frames) expect(frame).toContain('"plan":{"id":"d"}');
  });

  it('sends nothing whose state cannot be read yet, and what was stored but never published once it can', async () => {
    await bench.commit(small(3));
    await bench.commit(small(2), false);
    const reader = await bench.read({ after: 1 });
    await reads(reader, [2, 3]);
    await bench.commit(small(1), false);
    bench.hub.stateLoaded(5);
    await reads(reader, [2, 3, 4, 5]);
    await bench.commit(small(1));
    await reads(reader, [2, 3, 4, 5, 6, 7]);
  });

  it('keeps less than 1 MiB for a client that does not read, and goes on inside a frame when it does', async () => {
    const deaf = await Promise.all(range(1, 5).map(() => bench.read()));
    for (const each of deaf) each.stopReading();
    for (const mark of range(1, 16)) {
      await bench.commit([large(mark), ...small(20)]);
      bench.clock.advance(10_000); // and the keep-alive comments do not pile up
    }
    await until('sockets to be full', () => bench.hub.heldBytes > 0);
    expect(bench.hub.heldBytes).toBeLessThan((5 * MIB) / 4);
    for (const each of deaf) each.readOn();
    for (const each of deaf) await reads(each, range(1, 16 * 21));
    const texts = deaf[0]?.frames.filter(({ length }) => length > MIB).map((frame) => frame.slice(50, 65));
    expect(texts).toEqual(range(1, 16).map((mark) => expect.stringContaining(` ${mark} `)));
    await until('all to be sent', () => bench.hub.heldBytes === 0);
  }, 60_000);

  it('closes a stream that takes nothing while more than 1024 events wait, and no other', async () => {
    const deaf = await bench.read();
    const busy = await bench.read();
    deaf.stopReading();
    await bench.commit(range(1, 16).map(large));
    await bench.commit(small(1000));
    await reads(busy, range(1, 1016));
    bench.clock.advance(1_000);
    await bench.commit(small(9));
    await reads(busy, range(1, 1025));
    expect(bench.hub.count).toBe(2);
    await bench.commit(small(3_000)); // at once: no reason to close one that reads
    await reads(busy, range(1, 4025));
    await until('the other to be closed', () => bench.hub.count === 1);
    expect(busy.isClosed).toBe(false);
  }, 60_000);

  it('closes a stream that has read nothing for five minutes, however few events wait', async () => {
    const deaf = await bench.read();
    deaf.stopReading();
    await bench.commit(range(1, 16).map(large));
    await until('the socket to be full', () => bench.hub.heldBytes > 0);
    bench.clock.advance(290_000);
    expect(bench.hub.count).toBe(1);
    bench.clock.advance(20_000);
    await until('it to be closed', () => bench.hub.count === 0);
  });

  it('shows signs of life on an idle stream', async () => {
    const reader = await bench.read({ types: ['none'] });
    bench.clock.advance(30_000);
    await until('comments', () => reader.comments === 3);
  });

  it('keeps streams while the store is away, and goes on when it is back', async () => {
    await bench.commit(small(5));
    bench.isAway = true;
    const reader = await bench.read({ after: 0 });
    await until('an attempt', () => bench.reads > 0);
    bench.isAway = false;
    await until('the next attempt', () => {
      bench.clock.advance(1_000);
      return reader.numbers.length === 5;
    });
    expect(reader.numbers).toEqual([1, 2, 3, 4, 5]);
  });

  it('refuses a cursor that is too old or of another cluster', async () => {
    await bench.commit(small(2));
    await expect(bench.hub.checkCursor(2)).resolves.toBeUndefined();
    await expect(bench.hub.checkCursor(3)).rejects.toMatchObject({ status: 410, message: /newest event, 2/ });
    bench.clock.advance(8 * 24 * 3_600_000);
    await bench.store.trimEvents();
    await expect(bench.hub.checkCursor(1)).rejects.toMatchObject({ status: 410, message: /Last-Event-ID 2/ });
  });

  it('tells all when a client comes or goes, and ends all when the office is lost', async () => {
    const reader = await bench.read({ types: ['event_stream_attached', 'event_stream_detached'] });
    const other = await bench.read();
    await until('its arrival', () => reader.frames.length === 2);
    other.leave();
    await until('its departure', () => reader.frames.at(-1)?.startsWith('event: event_stream_detached'));
    bench.hub.closeAll();
    await until('the end', () => reader.isClosed);
  });
});
