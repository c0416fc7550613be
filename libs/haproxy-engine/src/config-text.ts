// Words of HAProxy's configuration language, written so that no text from outside can become configuration.
import type { RouteService } from '#libs/routing';

/** Between single quotes nothing is special; a value with control characters has no place in a head or a configuration. */
export function quote(text: string): string {
  return `'${plain(text).replaceAll("'", "'\\''")}'`;
}

/** For arguments that HAProxy reads as a log format, where % begins a variable. */
export const quoteFormat = (text: string): string => quote(text.replaceAll('%', '%%'));

export const plain = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f]/g, ' ');

/** An answer's body, as the built-in engine writes it. */
export const messageBody = (message: string): string => JSON.stringify({ message });

/** One per port of an app: `shop:web:0`. App ids have no colon, so that two never share a name. */
export const nameOf = ({ appId, portIndex }: Pick<RouteService, 'appId' | 'portIndex'>): string =>
  `${appId
    .slice(1)
    .replaceAll('/', ':')
    .replaceAll(/[^\w.:-]/g, '-')}:${portIndex}`;

/** For use inside a regular expression between single quotes. */
export const escapePattern = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
