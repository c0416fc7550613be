// Where the proxy is, for the URLs that a person is shown: as told, or as a live proxy has registered itself.
import { ApiError, type ProxiesAnswer } from '#libs/api-client';
import type { CommandContext } from './command.js';

const USUAL = 'http://127.0.0.1:8000';

export async function proxyUrlOf({
  api,
  settings,
}: Pick<CommandContext, 'api' | 'settings'>): Promise<string> {
  if (settings.has('proxy-url')) return settings.url('proxy-url');
  try {
    const { proxies } = await api.get<ProxiesAnswer>('/v3/proxies');
    const proxy = proxies.find(({ live }) => live);
    return proxy ? `http://${proxy.address}` : USUAL;
  } catch (error) {
    if (error instanceof ApiError) return USUAL;
    throw error;
  }
}
