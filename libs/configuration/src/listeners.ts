// What a proxy listens on and what each is for, so that `longrun up` and `longrun proxy` name the same at their start.
import { hostPort } from './addresses.js';
import type { PortSpan } from './option.js';

/** Of --proxy-https-port. */
export const HTTPS_PORT = 8443;

export interface ServingPlaces {
  /** Of --proxy-bind. */
  readonly bind: string;
  readonly port: number;
  readonly servicePorts: PortSpan;
  readonly appPaths: boolean;
  /** Absent: no certificates. */
  readonly httpsPort?: number;
  /** Port 0: none. */
  readonly admin: { readonly bind: string; readonly port: number };
  readonly dns?: { readonly port: number; readonly zone: string; readonly marathonZone: string };
}

export interface Listener {
  readonly host: string;
  /** Absent: a range, of which those are open that apps ask for. */
  readonly port?: number;
  /** As people write it. */
  readonly address: string;
  readonly purpose: string;
  /** By which it can be changed. */
  readonly option: string;
}

/** The main port first. */
export function listenersOf(places: ServingPlaces): readonly Listener[] {
  const { bind, port, servicePorts, appPaths, httpsPort, admin, dns } = places;
  const ids = `by id at /_app/<id>/${appPaths ? '' : ' (from this host)'}`;
  return [
    {
      ...{ host: bind, port, option: '--proxy-port', address: `http://${hostPort(bind, port)}` },
      purpose: `apps by virtual host and path, and ${ids}`,
    },
    ...(httpsPort === undefined
      ? []
      : [
          {
            ...{ host: bind, port: httpsPort, option: '--proxy-https-port' },
            address: `https://${hostPort(bind, httpsPort)}`,
            purpose: 'the same by HTTPS and HTTP/2',
          },
        ]),
    {
      ...{ host: bind, option: '--service-ports' },
      address: `${hostPort(bind, servicePorts.from)}-${servicePorts.to}`,
      purpose: 'service ports, each while an app has it (HTTP or TCP)',
    },
    ...(admin.port === 0
      ? []
      : [
          {
            ...{ host: admin.bind, port: admin.port, option: '--proxy-admin-port' },
            address: `http://${hostPort(admin.bind, admin.port)}`,
            purpose: 'admin: /metrics, /traffic, /table and /ping of the proxy',
          },
        ]),
    ...(dns
      ? [
          {
            ...{ host: bind, port: dns.port, option: '--dns-port' },
            address: hostPort(bind, dns.port),
            purpose: `DNS by UDP and TCP: names below ${dns.zone} and ${dns.marathonZone}`,
          },
        ]
      : []),
  ];
}
