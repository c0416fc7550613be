// What is refused before anything is started: definitions that a plain process cannot have, and host ports that are taken
// (decisions.md 23: bound for a moment just before the launch, for outgoing connections take ports too).
import { createSocket } from 'node:dgram';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { isAbsolute, normalize } from 'node:path/posix';
import { RuntimeError } from '#libs/runtime';
import type { LaunchPort, LinuxInfo } from '#libs/model';
import type { TaskLaunch } from '#libs/runtime';

const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,239}$/;

const invalid = (message: string): RuntimeError => new RuntimeError('rejected', 'invalid', message);

/** Throws `invalid` with the remedy. */
export async function checkLaunch({ taskId, spec }: TaskLaunch): Promise<void> {
  if (!FILE_NAME.test(taskId)) {
    throw invalid(`task id '${taskId}' cannot name a folder: at most 240 letters, digits, '.', '_' and '-'`);
  }
  if (spec.network !== 'host') {
    throw invalid(
      'a process has no network of its own: use host networking, or an image with container.type DOCKER',
    );
  }
  for (const name of Object.keys(spec.env)) {
    if (!name || /[=\0]/.test(name)) throw invalid(`'${name}' cannot be the name of an environment variable`);
  }
  const texts = [spec.cmd ?? '', ...(spec.args ?? []), ...Object.values(spec.env)];
  if (texts.some((text) => text.includes('\0'))) throw invalid('a NUL character in cmd, args or env');
  checkLinuxInfo(spec.linuxInfo);
  for (const { containerPath, hostPath } of spec.volumes) {
    if (containerPath !== hostPath) {
      throw invalid(
        `volume ${hostPath} at ${containerPath}: a process sees the host's own paths, so containerPath must equal hostPath ` +
          '(or run the app with container.type DOCKER)',
      );
    }
    if (!isAbsolute(hostPath)) {
      if (normalize(hostPath).split('/').includes('..')) {
        throw invalid(`volume ${hostPath} is outside of the sandbox: a relative hostPath is a folder in it`);
      }
      continue; // made with the sandbox
    }
    const found = await stat(hostPath).catch(() => undefined);
    if (!found) throw invalid(`volume ${hostPath} does not exist on this host: create it first`);
  }
}

/** A process has the host's own shared memory and no filter of system calls: exactly what some settings ask for. */
function checkLinuxInfo(linuxInfo: LinuxInfo | undefined): void {
  const { seccomp, ipcInfo } = linuxInfo ?? {};
  if (seccomp?.profileName === undefined && ipcInfo?.mode !== 'PRIVATE' && ipcInfo?.shmSize === undefined)
    return;
  const what =
    seccomp?.profileName === undefined ? 'private shared memory' : `seccomp profile '${seccomp.profileName}'`;
  throw invalid(
    `linuxInfo: a process cannot have ${what}; give the container an image (container.docker.image)`,
  );
}

function isTcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

/** Throws `port-taken` with the first port that somebody holds. */
export async function checkPorts(ports: readonly LaunchPort[]): Promise<void> {
  for (const { hostPort, protocol } of ports) {
    const tcp = !protocol.includes('tcp') || (await isTcpFree(hostPort));
    const udp = !protocol.includes('udp') || (await isUdpFree(hostPort));
    if (tcp && udp) continue;
    const message = `host port ${hostPort} (${protocol}) is taken on this host; another port is needed`;
    throw new RuntimeError('rejected', 'port-taken', message, hostPort);
  }
}
