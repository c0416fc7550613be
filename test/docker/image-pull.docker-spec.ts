// Pulling images from a real registry on loopback: progress, cancelling, unknown images, registries that do not answer.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import Docker from 'dockerode';
import { freePort } from '#libs/testkit';
import type { PullProgress } from '#libs/runtime';
import { Agent, describeDocker, IMAGE, never, testEngine } from './test-engine.js';
import { TinyRegistry } from './tiny-registry.js';

const engine = await testEngine();
const WAIT = 120_000;
const LAYER_BYTES = 8_000_000;

describeDocker(engine, 'making an image there', ({ socketPath }) => {
  const docker = new Docker({ socketPath });
  const registry = new TinyRegistry(LAYER_BYTES);
  const agent = new Agent({ socketPath });
  const prepare = (image: string, forcePullImage = false, signal = never): Promise<PullProgress[]> => {
    const seen: PullProgress[] = [];
    const launch = agent.launch({ image, forcePullImage });
    return agent.runtime.prepare(launch, (pull) => seen.push(pull), signal).then(() => seen);
  };
  const remove = (image: string): Promise<unknown> =>
    docker
      .getImage(image)
      .remove({ force: true })
      .catch(() => undefined);

  beforeAll(() => registry.listen());
  afterAll(async () => {
    await remove(registry.image('known:1'));
    await registry.close();
  });

  it(
    'pulls what is not local, telling how far it is at most once a second',
    async () => {
      registry.layerMs = 3_000;
      const began = performance.now();
      const seen = await prepare(registry.image('known:1'));
      expect(seen.length).toBeGreaterThanOrEqual(2);
      expect(seen.length).toBeLessThanOrEqual((performance.now() - began) / 1_000 + 1);
      const counted = seen.filter((each) => each.totalBytes > 0);
      expect(counted.at(-1)?.doneBytes).toBeGreaterThan(0);
      for (const { doneBytes, totalBytes } of counted) expect(doneBytes).toBeLessThanOrEqual(totalBytes);
    },
    WAIT,
  );

  it(
    'pulls nothing that is local, not even when the registry would fail',
    async () => {
      expect(await prepare(IMAGE)).toEqual([]);
      expect(await prepare(registry.image('known:1'))).toEqual([]);
    },
    WAIT,
  );

  it(
    'pulls again when that is forced, and fails with it',
    async () => {
      await prepare(registry.image('known:1'), true);
      await expect(prepare(IMAGE, true)).rejects.toMatchObject({ name: 'RuntimeError' });
    },
    WAIT,
  );

  it(
    'knows an image that does not exist from a registry that does not answer',
    async () => {
      const unknown = prepare(registry.image('unknown:1'));
      await expect(unknown).rejects.toMatchObject({ kind: 'rejected', reason: 'image-not-found' });
      const silent = prepare(`127.0.0.1:${await freePort()}/known:1`);
      await expect(silent).rejects.toMatchObject({ kind: 'temporary' });
      await expect(prepare('Not An Image')).rejects.toMatchObject({ kind: 'rejected' });
    },
    WAIT,
  );

  it(
    'breaks a pull off at once when it is not wanted any more',
    async () => {
      await remove(registry.image('known:1'));
      registry.layerMs = 60_000;
      const wanted = new AbortController();
      const pull = prepare(registry.image('known:1'), false, wanted.signal);
      const began = performance.now();
      setImmediate(() => wanted.abort());
      await expect(pull).rejects.toBeDefined();
      expect(performance.now() - began).toBeLessThan(5_000);
    },
    WAIT,
  );
});
