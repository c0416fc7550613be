// Where people reach an app, in words: a line for each way that the server names, as URL where it is one.
import type { WayAnswer } from '#libs/api-client';
import { hostPort, isWildcard } from '#libs/configuration';

/** The proxy that URLs are shown of. */
export interface ProxyPlace {
  /** Of its main port, or of what stands before it. */
  readonly url: string;
  /** Absent: it has no certificates. */
  readonly https?: {
    readonly port: number;
    /** Whether one of its certificates is for the host of the way. `unknown`: an older release does not say. */
    readonly certified: 'yes' | 'no' | 'unknown';
  };
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

/**
 * First what surely works: by HTTPS where the proxy has a certificate for the host, else plain. Only what works at all, but for a host
 * whose plain requests are redirected: then the URL says what is missing.
 */
function byHost(way: Extract<WayAnswer, { by: 'host' }>, { url, https }: ProxyPlace): readonly string[] {
  const { protocol, port } = new URL(url);
  const urlOf = (scheme: string, at: string): string =>
    `${scheme}//${way.host}${at === '' ? '' : `:${at}`}${way.path ?? '/'}`;
  const plain = urlOf(protocol, port);
  if (protocol === 'https:') return [plain];
  if (!https)
    return way.redirectToHttps
      ? [
          `${urlOf('https:', '')} (from what ends TLS before the proxy, for it has no certificates: --proxy-certs)`,
        ]
      : [plain];
  const secure = urlOf('https:', https.port === 443 ? '' : String(https.port));
  if (https.certified === 'no')
    return [
      way.redirectToHttps
        ? `${secure} (the proxy has no valid certificate for this name: --proxy-certs)`
        : plain,
    ];
  if (way.redirectToHttps) return [secure];
  return https.certified === 'yes' ? [secure, plain] : [plain, secure];
}

/** Never TLS, whatever the main port has. Listeners on all addresses are reached where the proxy is. */
function byServicePort(
  { servicePort, mode, bind, proxyHeader }: Extract<WayAnswer, { by: 'service-port' }>,
  proxy: ProxyPlace,
): string {
  const host = bind === undefined || isWildcard(bind) ? new URL(proxy.url).hostname : bind;
  const at = hostPort(host, servicePort);
  const place = mode === 'tcp' ? `${at} (TCP)` : `http://${at}/`;
  return proxyHeader ? `${place} (behind a balancer that sends a PROXY header)` : place;
}

function byAppId(path: string, { url, appPaths }: ProxyPlace): string {
  const isHere = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
  return `${url}${path}${isHere || appPaths ? '' : ' (from the host of the proxy; from others with its --app-paths)'}`;
}
