// The ports of an app in canonical form (app.md A6): one list, definitions with host networking, mappings with bridge networking.
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
  return { kind: 'mappings', ports: mappingsOf(app) };
}

function definitionsOf({ portDefinitions, ports }: AppInput): readonly PortDefinition[] {
  if (portDefinitions) return portDefinitions.map(toDefinition);
  if (ports) return ports.map((port) => ({ port, protocol: 'tcp', labels: {} }));
  return [{ port: 0, protocol: 'tcp', labels: {}, name: DEFAULT_NAME }];
}

function mappingsOf({ container, portDefinitions, ports }: AppInput): readonly PortMapping[] {
  const given = container?.portMappings ?? container?.docker?.portMappings;
  const mappings = given ? given.map(toMapping) : [{ ...emptyMapping, name: DEFAULT_NAME }];
  const wanted = portDefinitions?.length ?? ports?.length ?? 0;
  const missing = Math.max(0, wanted - mappings.length);
  return [...mappings, ...Array.from({ length: missing }, () => emptyMapping)];
}

const emptyMapping: PortMapping = {
  containerPort: 0,
  hostPort: 0,
  servicePort: 0,
  protocol: 'tcp',
  labels: {},
};

const toDefinition = ({ port, protocol, name, labels }: PortDefinitionInput): PortDefinition => ({
  port,
  protocol,
  labels,
  ...(name === undefined ? {} : { name }),
});

const toMapping = (input: PortMappingInput): PortMapping => ({
  containerPort: input.containerPort,
  hostPort: input.hostPort ?? 0,
  servicePort: input.servicePort,
  protocol: input.protocol,
  labels: input.labels,
  ...(input.name === undefined ? {} : { name: input.name }),
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
