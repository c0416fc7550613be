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
  const placeOf = (way: WayAnswer): ProxyPlace => placeAt(settings, serving(way, proxies));
  return { of, lines: (appId) => servedFirst(of(appId)).flatMap((way) => wayLines(way, placeOf(way))) };
}

/** The first line is shown where there is room for one. */
const servedFirst = (ways: readonly WayAnswer[]): readonly WayAnswer[] =>
  [...ways].sort((a, b) => Number(isUnserved(a)) - Number(isUnserved(b)));

type Registered = ProxiesAnswer['proxies'][number];

/** Of several it is the first one: they lead to the same app. */
const serving = ({ proxies: ids }: WayAnswer, proxies: readonly Registered[]): Registered | undefined =>
  proxies.find(({ id, live }) => live && (ids?.length ? ids.includes(id) : true));

function placeAt(settings: Asking['settings'], proxy: Registered | undefined): ProxyPlace {
  const { httpsPort, appPaths = true } = proxy?.listens ?? {};
  const registered = proxy ? `http://${proxy.address}` : USUAL;
  return {
    url: settings.has('proxy-url') ? settings.url('proxy-url') : registered,
    ...(httpsPort === undefined ? {} : { httpsPort }),
    appPaths,
  };
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
