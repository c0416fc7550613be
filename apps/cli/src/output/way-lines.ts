// Where people reach an app, in words: a line for each way that the server names, as URL where it is one.
import type { WayAnswer } from '#libs/api-client';

/** The proxy that URLs are shown of. */
export interface ProxyPlace {
  /** Of its main port, or of what stands before it. */
  readonly url: string;
  /** Absent: it has no certificates. */
  readonly httpsPort?: number;
  /** `/_app/` answers clients on other hosts, too. */
  readonly appPaths: boolean;
}

/** No proxy that is there serves it; a server of an older release does not say. */
export const isUnserved = ({ proxies }: WayAnswer): boolean => proxies?.length === 0;

/** One, or two where the same host is reached with and without TLS. */
export function wayLines(way: WayAnswer, proxy: ProxyPlace): readonly string[] {
  const lines = linesOf(way, proxy);
  return isUnserved(way)
    ? lines.map((line) => `${line} (no live proxy serves it: --groups, --service-ports)`)
    : lines;
}

function linesOf(way: WayAnswer, proxy: ProxyPlace): readonly string[] {
  if (way.by === 'host') return byHost(way, proxy);
  return way.by === 'service-port' ? [byServicePort(way, proxy)] : [byAppId(way.path, proxy)];
}

/** By HTTPS where the proxy has it; also plain, unless that is redirected. */
function byHost(way: Extract<WayAnswer, { by: 'host' }>, proxy: ProxyPlace): readonly string[] {
  const { protocol, port } = new URL(proxy.url);
  const urlOf = (scheme: string, at: string): string =>
    `${scheme}//${way.host}${at === '' ? '' : `:${at}`}${way.path ?? '/'}`;
  const isSecure = protocol === 'https:';
  const plain = urlOf(protocol, port);
  if (isSecure) return [plain];
  if (proxy.httpsPort !== undefined) {
    const secure = urlOf('https:', proxy.httpsPort === 443 ? '' : String(proxy.httpsPort));
    return way.redirectToHttps ? [secure] : [secure, plain];
  }
  return way.redirectToHttps
    ? [
        `${urlOf('https:', '')} (from what ends TLS before the proxy, for it has no certificates: --proxy-certs)`,
      ]
    : [plain];
}

/** Listeners on all addresses are reached where the proxy is. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Never TLS, whatever the main port has. */
function byServicePort(
  { servicePort, mode, bind, proxyHeader }: Extract<WayAnswer, { by: 'service-port' }>,
  proxy: ProxyPlace,
): string {
  const own = bind !== undefined && !EVERYWHERE.has(bind) ? bind : undefined;
  const host = own === undefined ? new URL(proxy.url).hostname : own.includes(':') ? `[${own}]` : own;
  const place = mode === 'tcp' ? `${host}:${servicePort} (TCP)` : `http://${host}:${servicePort}/`;
  return proxyHeader ? `${place} (behind a balancer that sends a PROXY header)` : place;
}

function byAppId(path: string, { url, appPaths }: ProxyPlace): string {
  const isHere = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
  return `${url}${path}${isHere || appPaths ? '' : ' (from the host of the proxy; from others with its --app-paths)'}`;
}
