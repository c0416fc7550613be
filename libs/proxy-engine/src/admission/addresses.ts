// Allow lists (`longrun.io/allow`), and whom a client is counted as. The address is that of the connection, or what a PROXY header
// said where one is accepted; X-Forwarded-For is what anybody may write, and is not asked.
import { isInside, parseAddress, parseNetwork, type Network, type RouteService } from '#libs/routing';

const parsed = new WeakMap<readonly string[], readonly Network[]>();

/** May a client of this address ask this service? Also for connections that are relayed as TCP. */
export function mayAsk({ policy }: RouteService, clientAddress: string): boolean {
  const allow = policy?.allow;
  if (!allow) return true;
  let networks = parsed.get(allow);
  if (!networks) parsed.set(allow, (networks = allow.flatMap((each) => parseNetwork(each) ?? [])));
  const address = parseAddress(clientAddress);
  return address !== undefined && networks.some((each) => isInside(each, address));
}

/** IPv6 clients have a network of 2^64 addresses each (RFC 6177): counted one by one, they would have as many allowances. */
export function clientKeyOf(clientAddress: string): string {
  const bytes = clientAddress.includes(':') ? parseAddress(clientAddress) : undefined;
  return bytes?.length === 16 ? `v6 ${bytes.slice(0, 8).join('.')}` : (bytes?.join('.') ?? clientAddress);
}
