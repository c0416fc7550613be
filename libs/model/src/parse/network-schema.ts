// The schema of networks (app.md A5): the present form, and the addresses of one's own that came before it.
import { anything, filled, list, object, oneOf, optional, required, text, type ReadBy } from './reader.js';
import { labels, portName, portNumber, protocol } from './port-schema.js';

const networkName = text({ min: 1, max: 63, pattern: /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$/ });
export const network = object({
  mode: filled(
    oneOf('host', 'container', 'container/bridge'),
    'container',
    'Ports of the agent itself, a Docker network by its name, or published ports.',
  ),
  name: optional(networkName, 'Of a Docker network on the agents; exactly with mode container.', 'overlay'),
  labels: filled(labels, {}, 'Kept and shown.'),
});
export type NetworkInput = ReadBy<typeof network>;

const discoveryPort = object({
  number: filled(portNumber, 0, "Becomes 'containerPort'."),
  name: required(portName, "Becomes 'name'."),
  protocol: filled(protocol, 'tcp', "Becomes 'protocol'."),
});
export const ipAddress = object({
  networkName: optional(networkName, "Becomes 'name' of a network."),
  labels: filled(labels, {}, 'Become those of the network.'),
  groups: optional(anything, 'Ignored.'),
  discovery: optional(
    object({ ports: filled(list(discoveryPort), [], "Become 'container.portMappings'.") }),
    'Type MESOS only.',
  ),
});
