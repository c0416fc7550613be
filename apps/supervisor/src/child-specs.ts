// The words with which `longrun up` starts each process. Secrets go by environment, for arguments are visible to everybody.
import { fileURLToPath } from 'node:url';
import { brakeArguments, rolloutArguments, servingArguments, type Settings } from '#libs/configuration';
import type { ChildSpec } from './child.js';
import type { DataFolder } from './data-folder.js';

export type ChildName = 'control-plane' | 'agent' | 'proxy';

const scriptOf = (app: ChildName): string =>
  fileURLToPath(new URL(`../../${app}/src/main.js`, import.meta.url));

export function childSpecs(
  settings: Settings,
  folder: DataFolder,
  databaseUrl: string,
): Record<ChildName, ChildSpec & { name: ChildName }> {
  const tokens = folder.tokens();
  const controlPlane = controlPlaneUrl(settings);
  return {
    'control-plane': {
      name: 'control-plane',
      script: scriptOf('control-plane'),
      args: [
        '--api-port',
        settings.text('api-port'),
        '--service-ports',
        settings.text('service-ports'),
        ...brakeArguments(settings),
        ...rolloutArguments(settings),
        '--data-dir',
        folder.path,
      ],
      env: {
        LONGRUN_DATABASE_URL: databaseUrl,
        LONGRUN_AGENT_TOKEN: tokens.agent,
        LONGRUN_PROXY_TOKEN: tokens.proxy,
      },
    },
    agent: {
      name: 'agent',
      script: scriptOf('agent'),
      args: [
        ...['--control-plane', controlPlane, '--data-dir', folder.in('agent'), '--address', '127.0.0.1'],
        ...['--task-ports', settings.text('task-ports'), '--docker-socket', settings.text('docker-socket')],
        ...['--fetch-cache', settings.text('fetch-cache')],
        ...(settings.has('seccomp-profiles')
          ? ['--seccomp-profiles', settings.text('seccomp-profiles')]
          : []),
      ],
      env: { LONGRUN_TOKEN: tokens.agent },
    },
    proxy: proxySpec(settings, folder),
  };
}

/** The proxy needs no database, so it can be the first to run. */
export function proxySpec(settings: Settings, folder: DataFolder): ChildSpec & { name: ChildName } {
  const tokens = folder.tokens();
  const controlPlane = controlPlaneUrl(settings);
  return {
    name: 'proxy',
    script: scriptOf('proxy'),
    args: [
      ...[
        '--control-plane',
        controlPlane,
        '--data-dir',
        folder.in('proxy'),
        '--proxy-bind',
        settings.text('proxy-bind'),
      ],
      ...['--proxy-port', settings.text('proxy-port'), '--service-ports', settings.text('service-ports')],
      ...servingArguments(settings),
    ],
    env: { LONGRUN_TOKEN: tokens.proxy },
  };
}

const controlPlaneUrl = (settings: Settings): string => `http://127.0.0.1:${settings.port('api-port')}`;
