// A Docker app of the tests' own image, and killing a task for real, by pid or by container.
import Docker from 'dockerode';
import type { TaskAnswer } from '#libs/api-client';
import { importBusyboxImage } from '#libs/testkit';
import type { LongrunUp } from './longrun-up.js';
import { pidsOfTask } from './task-processes.js';

const IMAGE = 'longrun-test/busybox:e2e';

const socketPath = process.env['DOCKER_HOST']?.replace('unix://', '') ?? '/var/run/docker.sock';
const engine = (): Docker => new Docker({ socketPath });

/** busybox httpd that serves one file, on a port of the bridge. */
export async function dockerHttpApp(id: string, more: object = {}): Promise<object> {
  await importBusyboxImage({ socketPath }, IMAGE);
  return {
    id,
    cmd: 'mkdir -p /www && echo "docker $MESOS_TASK_ID" > /www/index.html && exec httpd -f -p 80 -h /www',
    instances: 2,
    cpus: 0.1,
    mem: 32,
    container: {
      type: 'DOCKER',
      docker: { image: IMAGE },
      portMappings: [{ containerPort: 80, hostPort: 0, name: 'http' }],
    },
    networks: [{ mode: 'container/bridge' }],
    healthChecks: [
      {
        protocol: 'HTTP',
        path: '/',
        gracePeriodSeconds: 30,
        intervalSeconds: 1,
        timeoutSeconds: 5,
        maxConsecutiveFailures: 5,
      },
    ],
    ...more,
  };
}

export async function containerOfTask(taskId: string): Promise<string | undefined> {
  const found = await engine().listContainers({ filters: { label: [`MESOS_TASK_ID=${taskId}`] } });
  return found[0]?.Id;
}

/** kill -9 of the task's processes, or of its container. */
export async function killTaskOf(up: LongrunUp, task: TaskAnswer): Promise<void> {
  const container = process.env['DOCKER_HOST'] ? await containerOfTask(task.id) : undefined;
  if (container) return engine().getContainer(container).kill({ signal: 'SIGKILL' });
  const pids = pidsOfTask(up.dataDir, task.id);
  if (!pids.length) throw new Error(`no process of ${task.id}`);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}
