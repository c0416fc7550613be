// Long answers in slices: the same text as in one piece, no long turn of the event loop, and one writing for all who ask at once.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonText, SlicedJson, SlicedWriter } from './sliced-json.js';

const textOf = (value: unknown) => new JsonText(() => JSON.stringify(value));

describe('SlicedWriter', () => {
  it('writes what JSON.stringify writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        async (list, map) => {
          const tree = { list: list.map(textOf), map, nested: [{ text: textOf(map), none: undefined }] };
          const written = await new SlicedWriter().write(new SlicedJson(tree));
          expect(written.toString()).toBe(
            JSON.stringify({ list, map, nested: [{ text: map, none: undefined }] }),
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  it('gives the event loop back between slices, however many answers are under way', async () => {
    const busy = () => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      return '1';
    };
    const writer = new SlicedWriter();
    const long = () => writer.write(new SlicedJson(Array.from({ length: 60 }, () => new JsonText(busy))));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await Promise.all([long(), long(), long()]);
    isDone = true;
    // 180 ms of work in slices of about 10 ms, one per turn
    expect(turns).toBeGreaterThan(10);
  });

  it('lets an answer with a name be shared while it is being written, and no longer', async () => {
    const writer = new SlicedWriter();
    const first = writer.write(new SlicedJson([new JsonText(() => '1')]), 'tag');
    const shared = writer.underWay('tag');
    expect(writer.underWay('other')).toBeUndefined();
    expect((await first).toString()).toBe('[1]');
    expect(await shared).toBe(await first);
    expect(writer.underWay('tag')).toBeUndefined();
  });
});
