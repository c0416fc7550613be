// `--control-plane` of agents and proxies: one URL or several, in the order in which they are asked.
import { ConfigurationError } from './option.js';
import type { Settings } from './read-configuration.js';

/** At least one, without a slash at the end. Throws ConfigurationError when one of them is no http or https URL. */
export function controlPlanesOf(settings: Settings): string[] {
  const urls = settings.list('control-plane').map((url) => url.replace(/\/+$/, ''));
  const wrong = urls.find((url) => !/^https?:\/\/[^/]/.test(url) || !URL.canParse(url));
  if (wrong !== undefined || !urls.length) {
    throw new ConfigurationError(
      `--control-plane must be a URL like http://10.0.0.1:8080, or several with commas (got "${wrong ?? ''}")`,
    );
  }
  return urls;
}
