// Checks of an app, legal for the ports that it has (app.md A7).
import fc from 'fast-check';
import { literal, members, seconds, words, type Body } from './members.js';
import type { Engine, Networking } from './network-bodies.js';

const fixedPort = fc.integer({ min: 1, max: 65_535 });

/** Which port a check asks: a fixed one, or one of the app's. */
function target(ports: number): fc.Arbitrary<Body> {
  const fixed = members({}, { port: fixedPort });
  if (!ports) return fixed;
  const indexed = members({}, { portIndex: fc.nat(ports - 1) });
  return ports === 1 ? fc.oneof(fixed, indexed, fc.constant({})) : fc.oneof(fixed, indexed);
}
const times = { intervalSeconds: seconds, timeoutSeconds: seconds, delaySeconds: seconds };
const healthTimes = { ...times, gracePeriodSeconds: seconds, maxConsecutiveFailures: fc.nat(10) };

const probing = (ports: number, ...protocols: string[]): fc.Arbitrary<Body> => {
  const flags = { ignoreHttp1xx: fc.boolean(), ipProtocol: literal('IPv4'), path: words };
  const rest = members({ ...healthTimes, ...flags }, { protocol: literal(...protocols) });
  return fc.tuple(target(ports), rest).map(([at, each]) => ({ ...each, ...at }));
};

export function arbitraryHealthChecks({ ports }: Networking): fc.Arbitrary<Body[]> {
  const byProxyOrAgent = probing(ports, 'HTTP', 'HTTPS', 'TCP');
  const byAgent = probing(ports, 'MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP');
  const value = words.filter((each) => each !== '');
  const command = members(healthTimes, {
    protocol: literal('COMMAND'),
    command: fc.record({ value }),
  });
  return fc
    .tuple(
      fc.array(fc.oneof(byProxyOrAgent, command), { maxLength: 3 }),
      fc.option(byAgent, { nil: undefined }),
    )
    .map(([checks, one]) => (one ? [...checks, one] : checks));
}

/** Not for the type DOCKER. */
export function arbitraryCheck({ ports }: Networking): fc.Arbitrary<Body> {
  const text = words.filter((each) => each !== '');
  const command = fc.oneof(
    fc.record({ shell: text }),
    fc.record({ argv: fc.array(words, { minLength: 1, maxLength: 3 }) }),
  );
  const http = fc
    .tuple(target(ports), members({ path: words, scheme: literal('HTTP') }))
    .map(([at, each]) => ({ ...each, ...at }));
  const kind = fc.oneof(
    fc.record({ http: ports ? http : http.filter(({ port }) => port !== undefined) }),
    fc.record({ tcp: target(ports) }),
    fc.record({ exec: fc.record({ command }) }),
  );
  return fc.tuple(kind, members(times)).map(([each, when]) => ({ ...each, ...when }));
}

/** None without a port that has a name. */
export function arbitraryReadinessChecks({ portName }: Networking): fc.Arbitrary<Body[]> {
  if (portName === undefined) return fc.constant([]);
  const codes = fc.array(fc.integer({ min: 100, max: 999 }), { minLength: 1, maxLength: 3 });
  const one = members(
    {
      name: words.filter((each) => each !== ''),
      protocol: literal('HTTP', 'HTTPS'),
      path: fc.constantFrom('/', '/ready'),
      intervalSeconds: fc.integer({ min: 61, max: 1000 }),
      timeoutSeconds: fc.integer({ min: 1, max: 29 }),
      httpStatusCodesForReady: codes,
      preserveLastResponse: fc.boolean(),
    },
    { portName: fc.constant(portName) },
  );
  return fc.array(one, { maxLength: 1 });
}

/** The checks that an app with this engine and these ports can have. */
export function arbitraryChecks(engine: Engine, networking: Networking): fc.Arbitrary<Body> {
  const some = {
    healthChecks: arbitraryHealthChecks(networking),
    readinessChecks: arbitraryReadinessChecks(networking),
  };
  return members(engine === 'DOCKER' ? some : { ...some, check: arbitraryCheck(networking) });
}
