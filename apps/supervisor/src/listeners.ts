// Which addresses the proxy of `longrun up` listens on, said once it does: each is tried, for what is named and does not answer misleads.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  HTTPS_PORT,
  listenersOf,
  type Listener,
  type ServingPlaces,
  type Settings,
} from '#libs/configuration';

export function placesOf(settings: Settings): ServingPlaces {
  const hasCertificates = settings.list('proxy-certs').length > 0;
  const httpsPort = settings.has('proxy-https-port') ? settings.port('proxy-https-port') : HTTPS_PORT;
  return {
    bind: settings.text('proxy-bind'),
    port: settings.port('proxy-port'),
    servicePorts: settings.portRange('service-ports'),
    appPaths: settings.flag('app-paths'),
    ...(hasCertificates ? { httpsPort } : {}),
    admin: { bind: settings.text('proxy-admin-bind'), port: settings.number('proxy-admin-port') },
    ...(settings.has('dns-port')
      ? {
          dns: {
            port: settings.port('dns-port'),
            zone: settings.text('dns-zone'),
            marathonZone: settings.text('dns-marathon-zone'),
          },
        }
      : {}),
  };
}

const TRY_MS = 1_000;
/** A proxy opens its admin port last, when all of its workers serve. */
const WITHIN_MS = 5_000;
const POLL_MS = 100;

/** A line for each; what does not answer is named with where to look. `missing`: somebody else has that port, as was said. */
export async function sayListeners(
  settings: Settings,
  missing: ReadonlySet<Listener['option']>,
  say: (line: string) => void,
): Promise<void> {
  for (const listener of listenersOf(placesOf(settings))) {
    const { address, purpose, option } = listener;
    if (missing.has(option)) continue;
    if (await answersSoon(listener)) say(`proxy: ${address}  ${purpose}`);
    else
      say(`warning: nothing listens at ${address} (${option}); logs/proxy.log in the data folder says why`);
  }
}

async function answersSoon(listener: Listener): Promise<boolean> {
  const deadline = performance.now() + WITHIN_MS;
  while (!(await answers(listener))) {
    if (performance.now() > deadline) return false;
    await pause(POLL_MS);
  }
  return true;
}

/** A range of service ports is said untried: which of them are open depends on the apps. */
async function answers({ host, port }: Listener): Promise<boolean> {
  if (port === undefined) return true;
  const own = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new Promise((resolve) => {
    const socket = connect({ host: own, port });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(TRY_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
