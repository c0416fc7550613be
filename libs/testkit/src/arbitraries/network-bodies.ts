// Networking of an app in all its styles, each with its ports (app.md A5, A6), legal in itself.
import fc from 'fast-check';
import { labels, literal, members, name, port, withOwnNames, type Body } from './members.js';

export type Engine = 'none' | 'MESOS' | 'MESOS image' | 'DOCKER';

/** Where the members belong: the app, its container, or `container.docker`. */
export interface Networking {
  readonly app: Body;
  readonly container?: Body;
  readonly docker?: Body;
  /** How many ports the app has in the end. */
  readonly ports: number;
  /** Of one of its ports. */
  readonly portName?: string;
}

const protocol = literal('tcp', 'udp', 'udp,tcp');

const portDefinitions = fc
  .uniqueArray(members({ port, protocol, name, labels }), {
    maxLength: 4,
    comparator: (a, b) => typeof a.port === 'number' && a.port > 0 && a.port === b.port,
  })
  .map(withOwnNames);
const oldPorts = fc.uniqueArray(port, { maxLength: 4, comparator: (a, b) => a > 0 && a === b });

const mapping = { servicePort: port, protocol, name, labels };
const mappings = fc
  .array(members({ ...mapping, containerPort: port, hostPort: port }), { maxLength: 4 })
  .map(withOwnNames);
/** Nothing translates the ports of a process. */
const processMappings = fc
  .array(members({ ...mapping, containerPort: fc.constant(0), hostPort: port }), { maxLength: 4 })
  .map(withOwnNames);

const nameOf = (ports: readonly Body[] | null | undefined): { portName?: string } => {
  const found = ports?.map((each) => each.name).find((each) => typeof each === 'string');
  return ports ? (found === undefined ? {} : { portName: found }) : { portName: 'default' };
};
const absent = fc.constant(undefined);
const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.oneof(of, absent);
const member = (key: string, value: unknown): Body => (value === undefined ? {} : { [key]: value });

const hostNetworks = list(fc.constantFrom([], [{ mode: 'host' }], [{ mode: 'HOST' }]));

const onHost = fc
  .tuple(hostNetworks, fc.oneof(portDefinitions, absent), fc.oneof(oldPorts, absent), fc.boolean())
  .map(([networks, definitions, ports, requirePorts]): Networking => {
    const given = definitions ? { portDefinitions: definitions } : member('ports', ports);
    return {
      app: { ...member('networks', networks), ...given, requirePorts },
      ports: definitions?.length ?? ports?.length ?? 1,
      ...(definitions || !ports ? nameOf(definitions) : {}),
    };
  });

/** A part of the definitions is kept by the first form, so that further mappings come of it. */
const mapped = (app: Body, given: readonly Body[] | undefined, more: readonly number[] | undefined) => ({
  app: { ...app, ...member('ports', more) },
  ...(given ? { container: { portMappings: given } } : {}),
  ports: Math.max(given?.length ?? 1, more?.length ?? 0),
  ...nameOf(given),
});

const onBridge = (of: fc.Arbitrary<Body[]>): fc.Arbitrary<Networking> =>
  fc
    .tuple(members({ labels }, { mode: literal('container/bridge') }), list(of), list(oldPorts))
    .map(([network, given, more]) => mapped({ networks: [network] }, given, more));

const names = fc.array(name, { minLength: 1, maxLength: 2 });
const onNetworks = (most: number): fc.Arbitrary<Networking> =>
  fc
    .tuple(
      names,
      members({ labels, mode: literal('container') }),
      list(mappings),
      fc.boolean(),
      list(oldPorts),
    )
    .map(([some, rest, given, isNamed, more]) => {
      const networks = some.slice(0, most).map((each, index) => ({ ...rest, name: `${each}${index}` }));
      const first = networks[0]?.name;
      // with several networks a host port is for one of them
      const needsName = networks.length > 1 || isNamed;
      const legal = given?.map((each) => (needsName ? { ...each, networkNames: [first] } : each));
      return mapped({ networks }, legal, more);
    });

const address = members(
  { labels, groups: fc.constant([]) },
  { networkName: fc.oneof(name, fc.constant('mesos-bridge')) },
);
const discovery = fc
  .array(members({ protocol, number: fc.constant(0) }, { name }), { maxLength: 3 })
  .map(withOwnNames);
const withAddress = fc.tuple(address, list(discovery)).map(([ipAddress, ports]): Networking => {
  const found = ports?.length ? ports : undefined;
  return {
    app: { ipAddress: { ...ipAddress, ...(ports ? { discovery: { ports } } : {}) } },
    ports: found?.length ?? 1,
    ...nameOf(found),
  };
});

const oldStyle = fc
  .tuple(literal('BRIDGE', 'HOST', 'USER'), list(mappings), fc.boolean(), address)
  .map(([network, given, hasAddress, ipAddress]): Networking => {
    const onTheHost = network.toUpperCase() === 'HOST';
    const needsAddress = hasAddress || network.toUpperCase() === 'USER';
    return {
      app: needsAddress ? { ipAddress } : {},
      docker: { network, ...member('portMappings', given) },
      ports: onTheHost ? 1 : (given?.length ?? 1),
      ...nameOf(onTheHost ? undefined : given),
    };
  });

/** All styles that an engine can have. */
export const networkingOf: Readonly<Record<Engine, fc.Arbitrary<Networking>>> = {
  none: fc.oneof(onHost, withAddress),
  MESOS: fc.oneof(onHost, onBridge(processMappings), onNetworks(2), withAddress),
  'MESOS image': fc.oneof(onHost, onBridge(mappings), onNetworks(2), withAddress),
  DOCKER: fc.oneof(onHost, onBridge(mappings), onNetworks(1), oldStyle),
};
