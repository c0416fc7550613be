// Sticky sessions (HAPROXY_{n}_STICKY): a cookie names the instance that answered, as a hash, for ids are nobody's business.
// It is a wish: a target that is gone or does not answer is replaced by another one, and the cookie with it.
import { shortHash, stickyCookieName, type RouteService, type RouteTarget } from '#libs/routing';

/** Of an admitted request. */
interface StickyAsk {
  readonly wish: { readonly sticky?: string };
  readonly secureCookie?: boolean;
}

/** Stays over restarts of the same instance. */
export const stickyKeyOf = (target: RouteTarget): string => shortHash(target.instanceId);

/** The instance that the client was sent to before, from its Cookie header. */
export function readSticky(service: RouteService, cookies: string | undefined): string | undefined {
  if (!service.sticky || cookies === undefined) return undefined;
  const prefix = `${stickyCookieName(service)}=`;
  return cookies
    .split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(prefix))
    ?.slice(prefix.length);
}

/**
 * The Set-Cookie header's value, or undefined when the client has it already. Secure for who came by TLS alone: others would not send it
 * back (RFC 6265 5.4).
 */
export function stickyCookie(
  service: RouteService,
  target: RouteTarget,
  { wish, secureCookie }: StickyAsk,
): string | undefined {
  const key = stickyKeyOf(target);
  if (!service.sticky || key === wish.sticky) return undefined;
  const secure = secureCookie === true ? '; Secure' : '';
  return `${stickyCookieName(service)}=${key}; Path=/; HttpOnly; SameSite=Lax${secure}`;
}
