import { describe, expect, it } from '@jest/globals';
import { portsOf } from '#libs/model';
import { anAppSpec, aPortDefinition } from '#libs/testkit';
import { readPortLabels } from '../port-labels.js';

/** Warnings of each port. */
function warnings(labels: Record<string, string>, ports = 1): string[] {
  const portDefinitions = Array.from({ length: ports }, (_, at) => aPortDefinition({ port: 10_000 + at }));
  const spec = anAppSpec({ labels, portDefinitions });
  return portsOf(spec).flatMap((port) => readPortLabels(spec, port).warnings);
}
const HOST = { 'longrun.io/host': 'shop.example' };

describe('labels that change nothing are named', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    [
      'accept-proxy beside the own label',
      { HAPROXY_0_BIND_OPTIONS: 'accept-proxy', 'longrun.io/proxy-protocol': 'send-v1' },
      /^HAPROXY_0_BIND_OPTIONS: accept-proxy has no effect, for longrun\.io\/proxy-protocol counts alone: name accept/,
    ],
    [
      'one of marathon-lb beside the own',
      { HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: '10.0.0.1', 'longrun.io/allow': '10.0.0.2' },
      /^HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL has no effect: longrun\.io\/allow is there, and wins$/,
    ],
    [
      'a realm beside that of marathon-lb',
      { HAPROXY_0_AUTH: 'r:ann:secret', 'longrun.io/auth-realm': 'x' },
      /^longrun\.io\/auth-realm has no effect: the realm is in HAPROXY_0_AUTH$/,
    ],
    [
      'CORS without origins',
      { 'longrun.io/cors-methods': 'GET' },
      /cors-methods: no effect without .*cors-origins/,
    ],
    [
      'a queue without a limit',
      { 'longrun.io/0/queue': '5' },
      /^longrun\.io\/0\/queue: no effect .*max-connections/,
    ],
    [
      'retries of one attempt',
      { 'longrun.io/retry-attempts': '1', 'longrun.io/retry-on': '503' },
      /^longrun\.io\/retry-on: no effect with longrun\.io\/retry-attempts 1/,
    ],
    [
      'time of an ejection that is off',
      { 'longrun.io/eject-failures': '0', 'longrun.io/eject-time': '5s' },
      /^longrun\.io\/eject-time: no effect with longrun\.io\/eject-failures 0/,
    ],
    [
      'a weight without a host',
      { HAPROXY_0_BACKEND_WEIGHT: '5' },
      /^HAPROXY_0_BACKEND_WEIGHT has no effect without/,
    ],
    [
      'a redirect without a host',
      { 'longrun.io/redirect-to-https': 'true' },
      /^longrun\.io\/redirect-to-https has no effect without HAPROXY_0_VHOST/,
    ],
    [
      'cutting off without a path',
      { ...HOST, 'longrun.io/strip-path': 'true' },
      /strip-path has no effect without a path/,
    ],
    [
      'an empty list of who may ask',
      { 'longrun.io/allow': ' ' },
      /^longrun\.io\/allow is empty, so nobody is let in/,
    ],
    [
      'what needs HTTP in mode tcp',
      {
        ...{ HAPROXY_0_MODE: 'tcp', HAPROXY_0_STICKY: 'true', 'longrun.io/balance': 'cookie:S' },
        ...{
          'longrun.io/retry-on': '503',
          'longrun.io/silence-timeout': '5s',
          'longrun.io/compress': 'true',
        },
        ...{
          'longrun.io/tunnel-timeout': '5s',
          'longrun.io/allow': '10.0.0.1',
          'longrun.io/connect-timeout': '1s',
        },
      },
      /mode tcp.*: longrun\.io\/compress, HAPROXY_0_STICKY, longrun\.io\/silence-timeout, longrun\.io\/retry-on, longrun\.io\/balance$/,
    ],
  ])('%s', (_, labels, text) => {
    const others = /in the definition for everyone to read/;
    expect(warnings(labels).filter((each) => !others.test(each))).toEqual([expect.stringMatching(text)]);
  });

  it('an empty list of passwords in mode tcp like a full one', () => {
    expect(warnings({ HAPROXY_0_MODE: 'tcp', 'longrun.io/auth-users': '' })).toContainEqual(
      expect.stringMatching(/mode tcp.*: longrun\.io\/auth-users$/),
    );
  });

  it('not those that do what they say', () => {
    expect(
      warnings({
        ...HOST,
        ...{ HAPROXY_0_VHOST: 'shop.example', 'longrun.io/path': '/api', 'longrun.io/strip-path': 'true' },
        ...{ 'longrun.io/match-weight': '2', 'longrun.io/redirect-to-https': 'true' },
        ...{ 'longrun.io/cors-origins': '*', 'longrun.io/cors-methods': 'GET' },
        ...{ 'longrun.io/max-connections': '5', 'longrun.io/queue': '5' },
        ...{ 'longrun.io/proxy-protocol': 'accept send-v1', HAPROXY_0_BIND_OPTIONS: 'accept-proxy' },
        ...{ 'longrun.io/retry-attempts': '2', 'longrun.io/retry-on': '503' },
      }),
    ).toEqual([]);
    expect(
      warnings({ HAPROXY_0_MODE: 'tcp', HAPROXY_0_STICKY: 'false', HAPROXY_0_BALANCE: 'source' }),
    ).toEqual([]);
  });

  it('not those of all ports that one port has a use for', () => {
    const labels = { HAPROXY_0_VHOST: 'a.example', HAPROXY_REDIRECT_TO_HTTPS: 'true' };
    expect(warnings(labels, 2)).toEqual([]);
    expect(warnings({ ...labels, HAPROXY_1_REDIRECT_TO_HTTPS: 'true' }, 2)).toHaveLength(1);
  });

  it('an own label that cannot be read leaves the other one in effect', () => {
    expect(warnings({ HAPROXY_0_BALANCE: 'source', 'longrun.io/balance': 'luck' })).toEqual([
      expect.stringMatching(/^longrun\.io\/balance "luck" is not used/),
    ]);
  });
});
