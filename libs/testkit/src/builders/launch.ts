// What an agent or a runtime is asked to start, for specs.
import type { LaunchSpec } from '#libs/model';

/** A small process with neither ports nor checks. It has no command: what runs is the point of the spec that asks. */
export const aLaunchSpec = (more: Partial<LaunchSpec> = {}): LaunchSpec => ({
  runtime: 'process',
  env: {},
  cpus: 0.1,
  mem: 64,
  disk: 0,
  network: 'host',
  ports: [],
  forcePullImage: false,
  privileged: false,
  parameters: [],
  volumes: [],
  healthChecks: [],
  killGraceMs: 5_000,
  labels: {},
  ...more,
});
