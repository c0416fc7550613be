// The schema of ports (app.md A6), shared by host and bridge networking.
import { filled, integer, list, mapOf, object, oneOf, optional, text, type ReadBy } from './reader.js';

export const labels = mapOf(text());
export const portNumber = integer({ min: 0, max: 65535 });
/** Lower-case letters, digits and inner dashes. */
const portName = text({ min: 1, pattern: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/ });
/** `tcp,udp` is refused: one order only, for clients compare the text. */
const protocol = oneOf('tcp', 'udp', 'udp,tcp');

export const portDefinition = object({
  port: filled(portNumber, 0),
  protocol: filled(protocol, 'tcp'),
  name: optional(portName),
  labels: filled(labels, {}),
});
export type PortDefinitionInput = ReadBy<typeof portDefinition>;

export const portMapping = object({
  containerPort: filled(portNumber, 0),
  hostPort: optional(portNumber),
  servicePort: filled(portNumber, 0),
  protocol: filled(protocol, 'tcp'),
  name: optional(portName),
  labels: filled(labels, {}),
  networkNames: filled(list(text()), []),
});
export type PortMappingInput = ReadBy<typeof portMapping>;
