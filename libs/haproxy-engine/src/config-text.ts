// Words of HAProxy's configuration language, written so that no text from outside can become configuration.
import { createHash } from 'node:crypto';
import type { RouteService } from '#libs/routing';

/** Between single quotes nothing is special; a value with control characters has no place in a head or a configuration. */
export function quote(text: string): string {
  return `'${plain(text).replaceAll("'", "'\\''")}'`;
}

/** For arguments that HAProxy reads as a log format, where % begins a variable. */
export const quoteFormat = (text: string): string => quote(text.replaceAll('%', '%%'));

export const plain = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f]/g, ' ');

/** Of an answer of our own. */
export const JSON_ANSWER = 'content-type application/json hdr cache-control no-store';

/** An answer's body, as the built-in engine writes it. */
export const messageBody = (message: string): string => JSON.stringify({ message });

/**
 * One per port of an app: `shop:web:0`. What HAProxy does not take in a name is replaced; such names (of deployment groups) end with
 * a hash, so that two never share one.
 */
export const nameOf = ({ appId, portIndex }: Pick<RouteService, 'appId' | 'portIndex'>): string => {
  const id = appId.slice(1);
  const name = id.replaceAll('/', ':').replaceAll(/[^\w.:-]/g, '-');
  const isPlain = /^[\w./-]{1,255}$/.test(id);
  return isPlain ? `${name}:${portIndex}` : `${name.slice(0, 200)}::${hashOf(id)}:${portIndex}`;
};

/** Of the service that a backend is for; backends beside its first one have an end that no id gives. */
export const serviceNameOf = (backend: string): string => backend.replace(/:(tcp|pin-[0-9a-f]{16})$/, '');

/** Of the backend that prefers one version (see pins). */
export const pinBackendOf = (service: Pick<RouteService, 'appId' | 'portIndex'>, version: string): string =>
  `${nameOf(service)}:pin-${hashOf(version)}`;

export const isPinBackend = (backend: string): boolean => /:pin-[0-9a-f]{16}$/.test(backend);

/** 16 digits. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** For use inside a regular expression, whatever quotes and brackets stand around it: what is no plain character is written as bytes. */
export const escapePattern = (text: string): string =>
  text.replaceAll(/[^\w/-]/gu, (each) =>
    each === '.'
      ? '\\.'
      : [...Buffer.from(each)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
