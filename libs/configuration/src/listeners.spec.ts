import { describe, expect, it } from '@jest/globals';
import { listenersOf, type ServingPlaces } from './listeners.js';

const places: ServingPlaces = {
  bind: '127.0.0.1',
  port: 8000,
  servicePorts: { from: 10_000, to: 20_000 },
  appPaths: false,
  admin: { bind: '127.0.0.1', port: 0 },
};
const lines = (more: Partial<ServingPlaces>): string[] =>
  listenersOf({ ...places, ...more }).map(({ address, purpose }) => `${address} ${purpose}`);

describe('what a proxy listens on', () => {
  it('is the main port and the service ports, whatever else is off', () => {
    expect(lines({})).toEqual([
      'http://127.0.0.1:8000 apps by virtual host and path, and by id at /_app/<id>/ (from this host)',
      expect.stringMatching(/^127\.0\.0\.1:10000-20000 service ports/),
    ]);
  });

  it('is also HTTPS, admin and DNS, each at its own address', () => {
    const found = lines({
      ...{ bind: '::', appPaths: true, httpsPort: 8443 },
      admin: { bind: '10.0.0.1', port: 8001 },
      dns: { port: 53, zone: 'longrun', marathonZone: 'marathon.mesos' },
    });
    expect(found).toEqual([
      'http://[::]:8000 apps by virtual host and path, and by id at /_app/<id>/',
      'https://[::]:8443 the same by HTTPS and HTTP/2',
      expect.stringMatching(/^\[::\]:10000-20000 /),
      expect.stringMatching(/^http:\/\/10\.0\.0\.1:8001 admin: \/metrics/),
      '[::]:53 DNS by UDP and TCP: names below longrun and marathon.mesos',
    ]);
  });
});
