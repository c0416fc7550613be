// No text of a label makes a table fail, and no label for a proxy is dropped without a word.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { asAppId, timestampOf, type App } from '#libs/model';
import { anAppSpec, aPortDefinition, aVersion } from '#libs/testkit';
import { buildRouteTable, routeWarnings } from '../build-route-table.js';
import { match } from '../match.js';
import { APP_NAMES, LIFE_CYCLE_NAMES, OWN_NAMES, PORT_NAMES } from './label-names.js';

const NASTY = [
  '',
  ' ',
  '\0',
  '\r\nX: y',
  '__proto__',
  'constructor',
  '*',
  '*.',
  '.',
  '/',
  '//',
  '-i',
  ':',
  '::',
  '$6$',
  '$6$rounds=1$$',
  '999999999999999999999',
  '-1',
  'NaN',
  '1e400',
  'set : ',
  'a:b:c',
  '\ud800',
];
const name = fc.oneof(
  fc
    .constantFrom(...OWN_NAMES, ...LIFE_CYCLE_NAMES)
    .chain((each) => fc.constantFrom(`longrun.io/${each}`, `longrun.io/0/${each}`, `longrun.io/1/${each}`)),
  fc
    .constantFrom(...PORT_NAMES, ...APP_NAMES, 'SSL_CERT', 'BACKEND_HEAD', 'NONSENSE')
    .chain((each) => fc.constantFrom(`HAPROXY_${each}`, `HAPROXY_0_${each}`, `HAPROXY_7_${each}`)),
  fc.string({ maxLength: 20 }).map((each) => `HAPROXY_${each}`),
  fc.string({ maxLength: 20 }).map((each) => `longrun.io/${each}`),
);
const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ maxLength: 80, unit: 'binary' }),
  fc
    .array(fc.constantFrom('a.example', '/x', '10.0.0.0/8', '5', 'true', 'source', ...NASTY))
    .map((each) => each.join(' ')),
);
const labels = fc.dictionary(name, text, { maxKeys: 12 });

const anApp = (id: string, more: Record<string, string>, ofPort: Record<string, string>): App => {
  const portDefinitions = [
    aPortDefinition({ port: 10_000, labels: ofPort }),
    aPortDefinition({ port: 0, protocol: 'udp', labels: ofPort }),
  ];
  const current = aVersion(anAppSpec({ id: asAppId(id), labels: more, portDefinitions }));
  return { id: asAppId(id), current, removing: false, revision: 1 };
};
const routed = (app: App) => ({ app, instances: [], versionOf: () => app.current });
const servicePortRange = { from: 10_000, to: 10_100 };

describe('whatever the labels', () => {
  it('a table is built, matched and sent, and the warnings are sentences of one line', () => {
    fc.assert(
      fc.property(labels, labels, labels, (a, b, ofPort) => {
        const apps = [routed(anApp('/a', a, ofPort)), routed(anApp('/b', b, {}))];
        const table = buildRouteTable({
          cluster: 'c',
          epoch: 1,
          number: 1,
          madeAt: timestampOf(0),
          apps,
          agentOf: () => undefined,
          servicePortRange,
        });
        const matcher = match(table);
        for (const service of table.services) {
          for (const host of service.hosts) matcher.byHost(host, service.path ?? '/');
        }
        expect(JSON.parse(JSON.stringify(table))).toEqual(table);
        for (const warning of routeWarnings({ apps, servicePortRange })) {
          expect(warning.text).not.toMatch(/[\0-\x1f]/);
          expect(warning.text.length).toBeLessThan(4_000);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('a label of marathon-lb is known, or a warning names it', () => {
    const harmless = new Set([...PORT_NAMES].map((each) => `HAPROXY_0_${each}`));
    for (const each of [...PORT_NAMES, ...APP_NAMES]) harmless.add(`HAPROXY_${each}`);
    fc.assert(
      fc.property(fc.dictionary(name, text, { maxKeys: 8 }), (more) => {
        const app = anApp('/a', more, {});
        const said = routeWarnings({ apps: [routed(app)], servicePortRange })
          .map((each) => each.text)
          .join('\n');
        for (const each of Object.keys(more)) {
          if (!/^HAPROXY_./s.test(each) || harmless.has(each)) continue;
          expect(said).toContain(each.replace(/[\0-\x1f\x7f]/g, ' '));
        }
      }),
      { numRuns: 500 },
    );
  });
});
