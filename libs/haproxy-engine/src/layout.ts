// What HAProxy has to be, from a route table: listeners, and for each service the backends with room for targets that come later.
// Everything in here but the targets and the reasons is fixed once HAProxy runs; when it differs, HAProxy is reloaded.
import { hostClaims, type HostClaim, type RouteService, type RouteTable } from '#libs/routing';
import { nameOf, pinBackendOf } from './config-text.js';
import { pinnedVersions } from './pins.js';

export interface BackendPlan {
  /**
   * `shop:web:0`, with `:tcp` behind it for the TCP half of a service whose mode is found out per connection, or `:pin-…` for a version
   * that pins name.
   */
  readonly name: string;
  readonly mode: 'http' | 'tcp';
  readonly service: RouteService;
  /** The pinned one. */
  readonly version?: string;
}

export interface PortPlan {
  readonly port: number;
  readonly service: RouteService;
}

export interface Layout {
  readonly backends: readonly BackendPlan[];
  readonly ports: readonly PortPlan[];
  /** Differs exactly when a reload is needed. */
  readonly signature: string;
}

export function layoutOf(table: RouteTable): Layout {
  const backends = table.services.flatMap(backendsOf);
  const ports: PortPlan[] = [];
  const taken = new Set<number>();
  for (const service of table.services) {
    const port = service.servicePort;
    if (port === undefined || taken.has(port)) continue;
    taken.add(port);
    ports.push({ port, service });
  }
  return { backends, ports, signature: JSON.stringify(table.services.map(fixedPart)) };
}

export const httpBackendOf = (service: RouteService): string => nameOf(service);
export const tcpBackendOf = (service: RouteService): string =>
  service.mode === 'tcp' ? nameOf(service) : `${nameOf(service)}:tcp`;

function backendsOf(service: RouteService): BackendPlan[] {
  if (service.mode === 'tcp') return [{ name: nameOf(service), mode: 'tcp', service }];
  const http: BackendPlan = { name: httpBackendOf(service), mode: 'http', service };
  const isSniffed = service.mode === 'auto' && service.servicePort !== undefined;
  return [
    http,
    ...pinnedVersions(service).map((version): BackendPlan => ({
      name: pinBackendOf(service, version),
      mode: 'http',
      service,
      version,
    })),
    ...(isSniffed ? [{ name: tcpBackendOf(service), mode: 'tcp', service } as const] : []),
  ];
}

function fixedPart(service: RouteService): unknown {
  const { targets: _targets, emptyReason: _reason, traffic, portName: _name, ...fixed } = service;
  // shares are weights
  return traffic?.pins?.length ? { ...fixed, pins: traffic.pins } : fixed;
}

/** Routes of the main port: hosts with their path prefixes. Of two for the same requests the first counts. */
export interface HostRoute extends Omit<HostClaim, 'service'> {
  readonly backend: string;
}

export const hostRoutes = (table: RouteTable): HostRoute[] =>
  hostClaims(table.services.filter(({ mode }) => mode !== 'tcp')).map(({ service, ...claim }) => ({
    ...claim,
    backend: httpBackendOf(service),
  }));
