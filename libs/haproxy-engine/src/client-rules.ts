// How many connections clients may have: all together (HAProxy's maxconn, file-room), and each client address. Who has too many is
// answered 429 on the main port, and closed elsewhere: before a handshake, where there is one.
import { JSON_ANSWER, messageBody, quote } from './config-text.js';

export interface ClientLimits {
  /** Connections of clients at once, of all threads together. Absent: what the limit of open files leaves room for. */
  readonly maxConnections?: number;
  /** Connections at once of one client address (IPv6: of its /64), in all threads. Absent: any number. */
  readonly connectionsPerClient?: number;
}

/** A backend without servers that holds the table. Addresses with a connection are never forgotten, however many there are. */
const TABLE = 'longrun_clients';
/** From here on, on one port, answers over HTTP/1 end their connection, so that those who rest leave room for those who come. */
const CROWDED = 0.9;

/** Section of the configuration. */
export const clientTable = ({ connectionsPerClient }: ClientLimits): string[] =>
  connectionsPerClient === undefined
    ? []
    : [`backend ${TABLE}`, '  stick-table type ipv6 size 100k expire 10s store conn_cur'];

/** IPv4 clients of a listener for both kinds come as IPv6 addresses that are all of one /64. */
const track = (when: string): string[] => [
  `tcp-request ${when} track-sc2 src table ${TABLE} if { src 0.0.0.0/0 }`,
  `tcp-request ${when} track-sc2 src,ipmask(32,64) table ${TABLE} if !{ src 0.0.0.0/0 }`,
];

const hasTooMany = (most: number): string => `{ sc2_conn_cur gt ${most} }`;

/** Of the main frontend. `tlsPort`: of its HTTPS, if there is one. */
export function mainClientRules({ connectionsPerClient: most }: ClientLimits, tlsPort?: number): string[] {
  if (most === undefined) return [];
  const isPlain = tlsPort === undefined ? '' : ` !{ dst_port ${tlsPort} }`;
  const words = quote(
    messageBody(`this address has more than the ${most} connections that the proxy allows`),
  );
  return [
    ...track('connection'),
    ...(tlsPort === undefined
      ? []
      : [`tcp-request connection reject if { dst_port ${tlsPort} } ${hasTooMany(most)}`]),
    // judged once, when it comes: those that came before stay
    `tcp-request session set-var(sess.too_many) bool(true) if ${hasTooMany(most)}${isPlain}`,
    `http-request deny deny_status 429 ${JSON_ANSWER} hdr connection close string ${words} if { var(sess.too_many) -m found }`,
  ];
}

/** Of a service port. `hasHeader`: the client's address is known when its PROXY header is there. */
export function portClientRules({ connectionsPerClient: most }: ClientLimits, hasHeader: boolean): string[] {
  if (most === undefined) return [];
  const when = hasHeader ? 'session' : 'connection';
  return [...track(when), `tcp-request ${when} reject if ${hasTooMany(most)}`];
}

/** Of a frontend that takes HTTP. */
export const crowdRules = ({ maxConnections: most }: ClientLimits): string[] =>
  most === undefined
    ? []
    : [`http-after-response set-header connection close if { fe_conn gt ${Math.floor(most * CROWDED)} }`];
