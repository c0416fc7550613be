import { describe, expect, it } from '@jest/globals';
import { asTaskId } from '#libs/model';
import { containerName, isKeptName, keptName } from './container-name.js';
import { withTag } from './image-pull.js';
import { registryOf } from './registry-credentials.js';

describe('names', () => {
  it('of containers are the task id, shortened and marked where the engine or people could not take it', () => {
    expect(containerName(asTaskId('shop_web.1-2'))).toBe('longrun.shop_web.1-2');
    const long = asTaskId(`${'a'.repeat(300)}.1`);
    expect(containerName(long).length).toBeLessThan(170);
    expect(containerName(long)).not.toBe(containerName(asTaskId(`${'a'.repeat(300)}.2`)));
    expect(containerName(asTaskId('a/b'))).not.toBe(containerName(asTaskId('a-b')));
    expect(isKeptName(keptName(long))).toBe(true);
  });

  it.each([
    ['web', 'web:latest'],
    ['web:1', 'web:1'],
    ['host:5000/web', 'host:5000/web:latest'],
    ['web@sha256:abc', 'web@sha256:abc'],
  ])('of images get a tag: %s', (image, tagged) => {
    expect(withTag(image)).toBe(tagged);
  });

  it.each([
    ['web', 'https://index.docker.io/v1/'],
    ['team/web', 'https://index.docker.io/v1/'],
    ['host:5000/web', 'host:5000'],
    ['ghcr.io/team/web', 'ghcr.io'],
    ['localhost/web', 'localhost'],
  ])('of images name their registry: %s', (image, registry) => {
    expect(registryOf(image)).toBe(registry);
  });
});
