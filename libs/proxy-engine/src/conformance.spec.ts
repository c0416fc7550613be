// The built-in engine through the suite that every engine passes: with its fast path, and with all HTTP on node:http.
import { engineConformance } from '#libs/engine-conformance';
import { SystemClock } from '#libs/time';
import { ProxyEngine } from './proxy-engine.js';

for (const fastPath of [true, false]) {
  engineConformance(
    fastPath ? 'built in' : 'built in, without the fast path',
    ({ port, zone, onIdle, onEnded, onHeaderRefused }) =>
      new ProxyEngine({
        clock: new SystemClock(),
        bind: '127.0.0.1',
        port,
        zone,
        appPaths: false,
        fastPath,
        onIdle,
        observer: { ended: onEnded ?? ((): void => undefined), headerRefused: onHeaderRefused },
      }),
  );
}
