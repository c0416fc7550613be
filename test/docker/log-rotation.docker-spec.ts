// Byte offsets stay what they are while the engine drops the oldest lines.
import { expect, it } from '@jest/globals';
import { Agent, describeDocker, never, testEngine } from './test-engine.js';

const engine = await testEngine();
const WAIT = 120_000;
const LINES = 20_000;

describeDocker(engine, 'the log of a task that writes more than is kept', (found) => {
  const agent = new Agent(found);
  const rotating = [
    { key: 'log-opt', value: 'max-size=200k' },
    { key: 'log-opt', value: 'max-file=3' },
  ];

  it(
    'is read by a follower in order, each line at the offset where it was written',
    async () => {
      // 20,000 lines of 10 bytes; about 7,000 of them are kept at a time
      const script = `i=0; while [ $i -lt ${LINES} ]; do printf '%09d\\n' $i; i=$((i+1));
        [ $((i % 500)) = 0 ] && sleep 0.1; done; exit 0`;
      const { taskId } = await agent.run({ cmd: script, parameters: rotating });
      const exit = agent.runtime.waitForExit(taskId, never);
      let [offset, isOver] = [0, false];
      void exit.then(() => (isOver = true));
      for (;;) {
        const wasOver = isOver;
        const { text, next } = await agent.runtime.readLog(taskId, 'stdout', offset, 50_000);
        const first = next - text.length;
        expect(first).toBe(offset);
        for (const [index, line] of text.trimEnd().split('\n').filter(Boolean).entries()) {
          if (Number(line) !== first / 10 + index) throw new Error(`${line} at offset ${first + index * 10}`);
        }
        offset = next;
        if (wasOver && !text) break;
        if (offset > LINES * 10) throw new Error(`read ${offset} bytes`);
      }
      expect(offset).toBe(LINES * 10);
      const last = await agent.runtime.readLog(taskId, 'stdout', -10, 100);
      expect(last).toEqual({ text: `${String(LINES - 1).padStart(9, '0')}\n`, next: LINES * 10 });
      const oldest = await agent.runtime.readLog(taskId, 'stdout', 0, 10);
      expect(Number(oldest.text)).toBe(oldest.next / 10 - 1);
    },
    WAIT,
  );
});
