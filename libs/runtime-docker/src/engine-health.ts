// Whether the Engine can be used, and what about it a person should know.
import type { RuntimeHealth } from '#libs/runtime';
import type { EngineClient } from './engine-client.js';
import { wordsOf } from './engine-errors.js';

/** The oldest API with everything that is used here (Engine 19.03). */
const LEAST_API = '1.40';

export async function engineHealth(
  client: EngineClient,
  { dropsOutput }: { readonly dropsOutput: boolean },
): Promise<RuntimeHealth> {
  try {
    const [version, info] = await Promise.all([client.version(), client.info()]);
    return { usable: true, warnings: warningsOf(version, info, dropsOutput) };
  } catch (error) {
    const remedy = `start the Docker Engine, or name its socket with --docker-socket`;
    return {
      usable: false,
      warnings: [`no Docker Engine at ${client.socketPath}: ${wordsOf(error)}; ${remedy}`],
    };
  }
}

function warningsOf(
  version: { readonly Version: string; readonly ApiVersion: string },
  info: Readonly<Record<string, unknown>>,
  dropsOutput: boolean,
): string[] {
  const isOld = apiNumber(version.ApiVersion) < apiNumber(LEAST_API);
  return [
    ...(isOld ? [`Docker Engine ${version.Version} is older than 19.03; update it`] : []),
    ...(info['LiveRestoreEnabled'] === true
      ? []
      : [
          `Docker Engine ${version.Version} runs without live-restore: restarting it ends every task; set "live-restore": true in /etc/docker/daemon.json`,
        ]),
    ...(info['MemoryLimit'] === false
      ? ['the Docker Engine has no memory limits: the kernel does not offer them']
      : []),
    ...(dropsOutput
      ? [
          'the disk is nearly full; the Docker Engine cannot drop the output of containers, each may write 50 MB of logs',
        ]
      : []),
  ];
}

/** 1.41 -> 1041, for comparing. */
function apiNumber(text: string): number {
  const [major = 0, minor = 0] = text.split('.').map(Number);
  return major * 1000 + minor;
}
