// A killed engine: with live-restore the containers live on, nobody sees a false exit, and the real one is seen afterwards.
// Kills an engine of its own, never the shared one.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canStartDockerd, importBusyboxImage, PrivateDockerd, until } from '#libs/testkit';
import { Agent, IMAGE, never } from './test-engine.js';

const WAIT = 180_000;
const suite = canStartDockerd() ? describe : describe.skip;

suite('an engine that is killed and started again', () => {
  const engine = new PrivateDockerd(`/tmp/longrun-engine-${process.pid}`);
  const agent = new Agent(engine); // its containers go before the engine
  afterAll(() => engine.stop(), WAIT);

  beforeAll(async () => {
    await engine.start();
    await importBusyboxImage(engine, IMAGE);
  }, WAIT);

  it(
    'has the same containers, and their later exits are seen by those who waited all the time',
    async () => {
      const stays = await agent.run({ cmd: 'exec sleep 1000' });
      const ends = await agent.run({ cmd: 'until [ -e /tmp/go ]; do sleep 0.05; done; exit 6' });
      const exits: number[] = [];
      const exit = agent.runtime.waitForExit(ends.taskId, never).then((seen) => {
        exits.push(seen.code ?? -1);
        return seen;
      });

      await engine.killHard();
      const away = await agent.runtime.list().catch((error: unknown) => error);
      expect(away).toMatchObject({ kind: 'temporary' });
      await expect(agent.runtime.start(agent.launch({ cmd: 'true' }))).rejects.toMatchObject({
        kind: 'temporary',
      });
      // nobody can be asked, which is no failed health check
      await expect(agent.runtime.execute(stays.taskId, 'true', 5_000)).rejects.toMatchObject({
        kind: 'temporary',
      });
      await engine.start();

      const handles = await until('the list of containers', async () =>
        (await agent.runtime.list()).map((task) => `${task.handle} ${task.state} ${task.startedAt}`),
      );
      for (const { handle, startedAt } of [stays, ends])
        expect(handles).toContain(`${handle} running ${startedAt}`);
      expect(exits).toEqual([]);

      await agent.runtime.execute(ends.taskId, 'touch /tmp/go', 20_000);
      expect(await exit).toMatchObject({ code: 6, requested: false });
    },
    WAIT,
  );

  it(
    'tells the exit of a task that ended while the engine was away',
    async () => {
      const { taskId } = await agent.run({ cmd: 'sleep 1; exit 8' });
      const exit = agent.runtime.waitForExit(taskId, never);
      await engine.killHard();
      const killedAt = performance.now();
      await until('the end of the task', () => performance.now() > killedAt + 2_000);
      await engine.start();
      expect(await exit).toMatchObject({ code: 8 });
    },
    WAIT,
  );
});
