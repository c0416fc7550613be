// Where apps are reached, for the URLs that a person is shown: the ways that the server names, at the proxy as told or as a live one
// has registered itself.
import { ApiError, type AddressesAnswer, type ProxiesAnswer, type WayAnswer } from '#libs/api-client';
import type { CommandContext } from './command.js';
import { isUnserved, wayLines, type ProxyPlace } from './output/way-lines.js';

type Asking = Pick<CommandContext, 'api' | 'settings'>;

const USUAL = 'http://127.0.0.1:8000';

export interface Ways {
  of(appId: string): readonly WayAnswer[];
  /** The same in words. */
  lines(appId: string): readonly string[];
}

/** `only`: of one app. None where the server cannot say. */
export async function readWays({ api, settings }: Asking, only?: string): Promise<Ways> {
  const query = only === undefined ? '' : `?app=${encodeURIComponent(only)}`;
  const { apps } = await orElse(() => api.get<AddressesAnswer>(`/v3/addresses${query}`), { apps: [] });
  const { proxies } = await orElse(() => api.get<ProxiesAnswer>('/v3/proxies'), { proxies: [] });
  const byApp = new Map(apps.map(({ appId, ways }) => [appId, ways]));
  const of = (appId: string): readonly WayAnswer[] => byApp.get(appId) ?? [];
  const placeOf = (way: WayAnswer): ProxyPlace => placeAt(settings, serving(way, proxies), way);
  return { of, lines: (appId) => servedFirst(of(appId)).flatMap((way) => wayLines(way, placeOf(way))) };
}

/** The first line is shown where there is room for one. */
const servedFirst = (ways: readonly WayAnswer[]): readonly WayAnswer[] =>
  [...ways].sort((a, b) => Number(isUnserved(a)) - Number(isUnserved(b)));

type Registered = ProxiesAnswer['proxies'][number];

/** Of several it is the first one, for they lead to the same app; but rather one with a certificate for the host. */
function serving(way: WayAnswer, proxies: readonly Registered[]): Registered | undefined {
  const live = proxies.filter(
    ({ id, live }) => live && (way.proxies?.length ? way.proxies.includes(id) : true),
  );
  return live.find(({ id }) => isCertified(way, id)) ?? live[0];
}

const isCertified = (way: WayAnswer, proxy: string): boolean =>
  way.by === 'host' && way.https?.includes(proxy) === true;

function placeAt(settings: Asking['settings'], proxy: Registered | undefined, way: WayAnswer): ProxyPlace {
  const registered = proxy ? `http://${proxy.address}` : USUAL;
  const https = proxy && httpsOf(proxy, way);
  return {
    url: settings.has('proxy-url') ? settings.url('proxy-url') : registered,
    ...(https ? { https } : {}),
    appPaths: proxy?.listens?.appPaths ?? true,
  };
}

function httpsOf({ id, listens }: Registered, way: WayAnswer): ProxyPlace['https'] {
  const { httpsPort: port, httpsNames, httpsNamesCut } = listens ?? {};
  if (port === undefined) return undefined;
  if (isCertified(way, id)) return { port, certified: 'yes' };
  // what a host of all names is asked by is for its client to say
  const isSaid = way.by === 'host' && way.host !== '*' && way.https && httpsNames && !httpsNamesCut;
  return { port, certified: isSaid ? 'no' : 'unknown' };
}

/** An app that has just gone, or a server of an older release: the command goes on without URLs. */
async function orElse<Answer>(ask: () => Promise<Answer>, otherwise: Answer): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ApiError) return otherwise;
    throw error;
  }
}
