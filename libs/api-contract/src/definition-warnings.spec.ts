import { describe, expect, it } from '@jest/globals';
import { anAppSpec } from '#libs/testkit';
import { definitionWarnings } from './definition-warnings.js';

describe('warnings about a definition', () => {
  it('has none for an ordinary app', () => {
    expect(definitionWarnings(anAppSpec({}))).toEqual([]);
  });

  it('names every member that has no effect', () => {
    const spec = anAppSpec({
      executor: '/usr/bin/executor',
      executorResources: { cpus: 0.1, mem: 32, disk: 10 },
      tty: true,
      acceptedResourceRoles: ['*'],
    });
    expect(definitionWarnings(spec).map((text) => text.split("'")[1])).toEqual([
      'executor',
      'executorResources',
      'tty',
      'acceptedResourceRoles',
    ]);
  });

  it('names what cannot be fetched', () => {
    const item = (uri: string) => ({ uri, extract: true, executable: false, cache: false });
    const uris = ['https://x.example/a', '/opt/a', 'file:///opt/b', 'hdfs://x/a', 'HDFS://x/b', 'a.tgz'];
    expect(definitionWarnings(anAppSpec({ fetch: uris.map(item) }))).toEqual([
      expect.stringContaining("no 'hdfs'"),
      expect.stringContaining('no relative paths'),
    ]);
  });

  it('gives a container its terminal', () => {
    const mapping = { containerPort: 80, servicePort: 10_000, protocol: 'tcp' as const, labels: {} };
    const spec = anAppSpec({
      tty: true,
      networks: [{ mode: 'container', name: 'backend' }],
      container: {
        type: 'DOCKER',
        docker: { image: 'web', forcePullImage: false, privileged: false, parameters: [] },
        volumes: [],
        portMappings: [mapping],
      },
    });
    expect(definitionWarnings(spec)).toEqual([]);
  });

  it('says that a process on a container network cannot start', () => {
    const networks = [{ mode: 'container' as const, name: 'backend' }];
    const spec = anAppSpec({ networks, container: { type: 'MESOS', volumes: [], portMappings: [] } });
    expect(definitionWarnings(spec)).toEqual([expect.stringContaining('no network of its own')]);
  });
});
