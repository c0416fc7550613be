// Service ports for those ports of an app that ask for one with 0 (app.md A6, behaviour.md 13.4).
import type { AppSpec } from '../app-spec.js';
import { portsOf } from '../app-spec.js';
import type { PortRange } from '../agent-node.js';

export type AssignedPorts = { readonly kind: 'ok'; readonly spec: AppSpec } | { readonly kind: 'exhausted' };

export interface ServicePortSupply {
  /** The definition that this one replaces: its ports come back first, so that an update which sends 0 again keeps them. */
  readonly previous?: AppSpec;
  /** True for ports of *other* apps. Fixed numbers are not asked about: two apps may name the same one. */
  readonly taken: (port: number) => boolean;
  readonly range: PortRange;
}

/** Every 0 becomes a port of its own: first those the app already had, in their order, then the lowest free ones of the range. */
export function assignServicePorts(
  spec: AppSpec,
  { previous, taken, range }: ServicePortSupply,
): AssignedPorts {
  const used = new Set(portsOf(spec).map(({ servicePort }) => servicePort));
  const kept = previous ? portsOf(previous).map(({ servicePort }) => servicePort) : [];
  const returning = kept.filter((port) => port >= range.from && port <= range.to && !used.has(port));
  let next = range.from;
  const takeOne = (): number | null => {
    const again = returning.shift();
    if (again !== undefined) {
      used.add(again);
      return again;
    }
    while (next <= range.to && (used.has(next) || taken(next))) next += 1;
    return next <= range.to ? next++ : null;
  };
  const assigned: (number | null)[] = portsOf(spec).map(({ servicePort }) =>
    servicePort === 0 ? takeOne() : servicePort,
  );
  return assigned.includes(null) ? { kind: 'exhausted' } : { kind: 'ok', spec: withPorts(spec, assigned) };
}

function withPorts(spec: AppSpec, ports: readonly (number | null)[]): AppSpec {
  if (spec.portDefinitions) {
    const portDefinitions = spec.portDefinitions.map((each, index) => ({
      ...each,
      port: ports[index] ?? each.port,
    }));
    return { ...spec, portDefinitions };
  }
  const { container } = spec;
  if (!container?.portMappings) return spec;
  const portMappings = container.portMappings.map((each, index) => ({
    ...each,
    servicePort: ports[index] ?? each.servicePort,
  }));
  return { ...spec, container: { ...container, portMappings } };
}
