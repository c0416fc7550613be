// Launches for the specs of this lib.
import { randomUUID } from 'node:crypto';
import { asAppId, newInstanceId, newTaskId, timestampOf } from '#libs/model';
import type { LaunchSpec } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';

const APP = asAppId('/shop/web');

/** A fresh task that runs this shell script. */
export function launchOf(cmd: string, spec: Partial<LaunchSpec> = {}): TaskLaunch {
  return {
    taskId: newTaskId(APP, randomUUID()),
    instanceId: newInstanceId(APP, randomUUID()),
    appId: APP,
    appVersion: timestampOf(1_700_000_000_000),
    incarnation: 1,
    spec: {
      runtime: 'process',
      cmd,
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
      ...spec,
    },
  };
}
