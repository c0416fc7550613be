// The ports of an app in canonical form (app.md A6): one list, definitions with host networking, mappings with bridge and
// container networking.
import type { PortDefinition, PortMapping } from '../app-spec.js';
import type { AppInput } from './app-schema.js';
import type { PortDefinitionInput, PortMappingInput } from './port-schema.js';
import type { NetworkMode } from './network-rules.js';
import type { Problems } from './problems.js';

export type AppPorts =
  | { readonly kind: 'definitions'; readonly ports: readonly PortDefinition[] }
  | { readonly kind: 'mappings'; readonly ports: readonly PortMapping[] };

const DEFAULT_NAME = 'default';

/** Absent lists become one default port, explicit empty ones stay empty; mappings are dropped with host networking. */
export function portsOfInput(app: AppInput, mode: NetworkMode): AppPorts {
  if (mode === 'host') return { kind: 'definitions', ports: definitionsOf(app) };
  return { kind: 'mappings', ports: mappingsOf(app, mode) };
}

function definitionsOf({ portDefinitions, ports }: AppInput): readonly PortDefinition[] {
  if (portDefinitions) return portDefinitions.map(toDefinition);
  if (ports) return ports.map((port) => ({ port, protocol: 'tcp', labels: {} }));
  return [{ port: 0, protocol: 'tcp', labels: {}, name: DEFAULT_NAME }];
}

/** A mapping without host port gets one on a bridge; on a container network it has none. */
function mappingsOf(app: AppInput, mode: NetworkMode): readonly PortMapping[] {
  const empty: PortMapping = {
    containerPort: 0,
    ...(mode === 'container' ? {} : { hostPort: 0 }),
    servicePort: 0,
    protocol: 'tcp',
    labels: {},
  };
  const { container, portDefinitions, ports } = app;
  const given = container?.portMappings ?? container?.docker?.portMappings;
  const mappings = given?.map((each) => toMapping(each, empty)) ??
    discoveredBy(app, empty) ?? [{ ...empty, name: DEFAULT_NAME }];
  const wanted = portDefinitions?.length ?? ports?.length ?? 0;
  const missing = Math.max(0, wanted - mappings.length);
  return [...mappings, ...Array.from({ length: missing }, () => empty)];
}

/** Old style: ports of an address of one's own. */
function discoveredBy({ ipAddress }: AppInput, empty: PortMapping): readonly PortMapping[] | undefined {
  const found = ipAddress?.discovery?.ports ?? [];
  if (!found.length) return undefined;
  return found.map(({ number, name, protocol }) => ({ ...empty, containerPort: number, name, protocol }));
}

const toDefinition = ({ port, protocol, name, labels }: PortDefinitionInput): PortDefinition => ({
  port,
  protocol,
  labels,
  ...(name === undefined ? {} : { name }),
});

const toMapping = ({ name, networkNames, ...input }: PortMappingInput, empty: PortMapping): PortMapping => ({
  ...empty,
  ...input,
  ...(name === undefined ? {} : { name }),
  ...(networkNames.length ? { networkNames } : {}),
});

/** Names and, with host networking, fixed port numbers are unique. */
export function checkPorts({ kind, ports }: AppPorts, problems: Problems): void {
  const path = kind === 'definitions' ? '/portDefinitions' : '/container/portMappings';
  const names = ports.map(({ name }) => name).filter((name) => name !== undefined);
  if (new Set(names).size < names.length) problems.add(path, 'names of ports must be different');
  if (kind === 'mappings') return;
  const fixed = ports.map(({ port }) => port).filter((port) => port !== 0);
  if (new Set(fixed).size < fixed.length) problems.add(path, 'port numbers must be different, apart from 0');
}
