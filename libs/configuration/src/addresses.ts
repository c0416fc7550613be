// Addresses as people give them to listen on, and as others are told to come to.

/** Of all addresses of a host: nobody can be told to come there. */
export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** `host`: a name or an address, which needs brackets before a port when it is one of IPv6. */
export const hostPort = (host: string, port: number): string =>
  `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
