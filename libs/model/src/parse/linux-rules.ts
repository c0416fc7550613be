// Security and shared memory of a container (app.md A4, B2): rules, canonical form, and what a process cannot have.
import type { Container, LinuxInfo } from '../app-spec.js';
import type { ContainerInput } from './container-schema.js';
import type { Problems } from './problems.js';

type LinuxInput = NonNullable<ContainerInput['linuxInfo']>;

/** Absent for the type DOCKER, which drops it without a word as Marathon does, and when nothing is in it. */
export function linuxInfoOf({ type, linuxInfo }: ContainerInput): Pick<Container, 'linuxInfo'> {
  if (type === 'DOCKER' || !linuxInfo) return {};
  const { seccomp, ipcInfo } = linuxInfo;
  if (!seccomp && !ipcInfo) return {};
  const read: LinuxInfo = {
    ...(seccomp
      ? {
          seccomp: {
            ...(seccomp.profileName === undefined ? {} : { profileName: seccomp.profileName }),
            unconfined: seccomp.unconfined,
          },
        }
      : {}),
    ...(ipcInfo
      ? {
          ipcInfo: {
            mode: ipcInfo.mode,
            ...(ipcInfo.shmSize === undefined ? {} : { shmSize: ipcInfo.shmSize }),
          },
        }
      : {}),
  };
  return { linuxInfo: read };
}

/** `path`: of the linuxInfo. */
export function checkLinuxInfo({ seccomp, ipcInfo }: LinuxInput, path: string, problems: Problems): void {
  if (seccomp && seccomp.unconfined === (seccomp.profileName !== undefined)) {
    problems.add(`${path}/seccomp`, 'needs either a profileName or unconfined=true');
  }
  if (ipcInfo?.mode === 'SHARE_PARENT' && ipcInfo.shmSize !== undefined) {
    problems.add(`${path}/ipcInfo`, 'shmSize is not possible with the mode SHARE_PARENT');
  }
}

/** A process is not confined and shares the IPC of its host; to ask for that is no mistake. */
export function checkLinuxOfProcess(
  { seccomp, ipcInfo }: LinuxInput,
  path: string,
  problems: Problems,
): void {
  const remedy =
    'needs an image (container.docker.image), for a process is not confined. Remove it or give an image.';
  if (seccomp?.profileName !== undefined) problems.add(`${path}/seccomp`, `'profileName' ${remedy}`);
  if (ipcInfo?.mode === 'PRIVATE') problems.add(`${path}/ipcInfo`, `the mode PRIVATE ${remedy}`);
}
