// The schema of ports (app.md A6), shared by host, bridge and container networking.
import { filled, integer, list, mapOf, object, oneOf, optional, text, type ReadBy } from './reader.js';

export const labels = mapOf(text());
export const portNumber = integer({ min: 0, max: 65535 });
/** Lower-case letters, digits and inner dashes. */
export const portName = text({ min: 1, pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/ });
/** `tcp,udp` is refused: one order only, for clients compare the text. */
export const protocol = oneOf('tcp', 'udp', 'udp,tcp');

export const portDefinition = object({
  port: filled(portNumber, 0, 'The service port, 0: assign one. With requirePorts also the host port.'),
  protocol: filled(protocol, 'tcp', 'UDP reaches the task, but is not proxied.'),
  name: optional(portName, 'Unique in the app; used by readiness checks and in the environment.', 'http'),
  labels: filled(labels, {}, 'Kept and shown with the port.'),
});
export type PortDefinitionInput = ReadBy<typeof portDefinition>;

export const portMapping = object({
  containerPort: filled(portNumber, 0, 'What the task listens on; 0: the same as the host port.', 80),
  hostPort: optional(portNumber, '0: any free one. Absent: 0 on a bridge, none on a container network.'),
  servicePort: filled(portNumber, 0, '0: assign one.'),
  protocol: filled(protocol, 'tcp', 'UDP reaches the task, but is not proxied.'),
  name: optional(portName, 'Unique in the app; used by readiness checks and in the environment.', 'http'),
  labels: filled(labels, {}, 'Kept and shown with the port.'),
  networkNames: filled(list(text()), [], 'Container networks of the app that it is for; empty: all.'),
});
export type PortMappingInput = ReadBy<typeof portMapping>;
