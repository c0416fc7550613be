// From one query to its answer (RFC 1035, 2308, 2782, 6891, 8482), without I/O: the same bytes by UDP and TCP but for their limit.
import dns, { type Answer, type Packet, type Question } from 'dns-packet';
import { isIPv4, isIPv6 } from 'node:net';
import type { RouteService, RouteTarget } from '#libs/routing';
import type { Named, TaskNames, ZoneNames } from './zone-names.js';

export interface AnswerOptions {
  readonly names: ZoneNames;
  /** Seconds that resolvers may keep an answer. */
  readonly ttl: number;
  /** Of the table, as the zone's serial. */
  readonly serial: number;
  /** From 0 to below 1, for the order of answers. */
  readonly random: () => number;
}

const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;
const AUTHORITATIVE = 1 << 10;
const TRUNCATED = 1 << 9;
const RECURSION_DESIRED = 1 << 8;
const OPCODE = 0x7800;
const HEAD_BYTES = 12;
const LABEL_MAX = 63;
const DOT = 0x2e;
const PLAIN_UDP_BYTES = 512;
/** Fits every path without fragments (DNS flag day 2020). */
const UDP_BYTES_MAX = 1232;
export const TCP_BYTES_MAX = 65_535;
/** Of a record, without its name (RFC 1035 4.1.3): its head and an IPv4 address, the shortest data that is given. */
const RECORD_BYTES_MIN = 10 + 4;
/** SRV records of suspects come behind all others. */
const SUSPECT_PRIORITY = 10;

/** Undefined: no answer at all (not a query, or not even an id). */
export function answerQuery(
  bytes: Buffer,
  options: AnswerOptions,
  transport: 'udp' | 'tcp',
): Buffer | undefined {
  // an answer to an answer would let two servers talk for ever
  if (bytes.length < HEAD_BYTES || (bytes.readUInt16BE(2) & 0x8000) !== 0) return undefined;
  const query = isPlainName(bytes) ? decode(bytes) : undefined;
  if (!query) return encodeError(bytes, RCODE.formatError);
  if (((query.flags ?? 0) & OPCODE) !== 0) return encodeError(bytes, RCODE.notImplemented);
  const [question, ...others] = query.questions ?? [];
  if (!question || others.length > 0) return encodeError(bytes, RCODE.formatError);
  const limit = limitOf(query, transport);
  const found = resolve(question, options, fittingAtMost(question, limit));
  const packet: Packet = {
    type: 'response',
    id: query.id ?? 0,
    flags:
      ((query.flags ?? 0) & RECURSION_DESIRED) |
      (found.rcode === RCODE.refused ? 0 : AUTHORITATIVE) |
      found.rcode,
    questions: [question],
    answers: found.answers,
    authorities: found.authorities,
    additionals: found.additionals,
  };
  return fit(packet, limit, sendsOptions(query));
}

/** Each record has the name that was asked, in full: a byte for each label's length stands where its dot did, and two more at the ends. */
const fittingAtMost = ({ name }: Question, limit: number): number =>
  Math.ceil(limit / (RECORD_BYTES_MIN + name.length + 2));

const TRANSFERS: ReadonlySet<string> = new Set(['AXFR', 'IXFR']);

interface Found {
  readonly rcode: number;
  readonly answers: Answer[];
  readonly authorities: Answer[];
  readonly additionals: Answer[];
}

const found = (rcode: number, more: Partial<Found> = {}): Found => ({
  rcode,
  answers: [],
  authorities: [],
  additionals: [],
  ...more,
});

/** `most`: records beyond which none would fit anyway; what is never made costs nothing. */
function resolve(question: Question, options: AnswerOptions, most: number): Found {
  if (question.class !== undefined && question.class !== 'IN' && question.class !== 'ANY')
    return found(RCODE.refused);
  const named = options.names.find(question.name);
  if (named.kind === 'foreign') return found(RCODE.refused);
  // a whole zone goes to nobody; an empty answer would look like an empty zone (RFC 5936 2.2.1, RFC 1995 4)
  if (TRANSFERS.has(question.type)) return found(RCODE.refused);
  const soa = soaOf(question.name, options);
  if (named.kind === 'nothing') return found(RCODE.noSuchName, { authorities: [soa] });
  const isApex = options.names.zoneOf(question.name) === question.name.toLowerCase();
  if ((question.type as string) === 'ANY')
    return found(RCODE.noError, { answers: [unspecific(question.name, options)] });
  if (question.type === 'SOA' && isApex) return found(RCODE.noError, { answers: [soa] });
  const { answers, additionals } = recordsFor(named, question, options, most);
  return found(RCODE.noError, { answers, additionals, authorities: answers.length > 0 ? [] : [soa] });
}

function recordsFor(
  named: Named,
  { name, type }: Question,
  options: AnswerOptions,
  most: number,
): Pick<Found, 'answers' | 'additionals'> {
  const targets = targetsOf(named);
  if (type === 'A' || type === 'AAAA') {
    // a port has no address of its own (RFC 2782)
    const hosts = named.kind === 'port' ? [] : new Set(preferred(targets).map(({ host }) => host));
    const drawn = drawnFrom([...hosts].filter(type === 'A' ? isIPv4 : isIPv6), most, options.random);
    // a host that is a name of its own has no address here; SRV records point at it
    return {
      answers: drawn.map((data) => ({ type, name, ttl: options.ttl, data })),
      additionals: [],
    };
  }
  if (type === 'SRV' && (named.kind === 'app' || named.kind === 'port'))
    return services(name, named, options, most);
  return { answers: [], additionals: [] };
}

/** Of an app without `_port…` that is its first port; a name of Mesos' form with `_tcp` alone stands for all. */
function services(
  name: string,
  named: { kind: 'app' | 'port'; services: readonly RouteService[]; names: TaskNames },
  { ttl, random }: AnswerOptions,
  most: number,
): Pick<Found, 'answers' | 'additionals'> {
  const lowest = Math.min(...named.services.map(({ portIndex }) => portIndex));
  const asked = named.services.filter(({ portIndex }) => named.kind === 'port' || portIndex === lowest);
  const answers: Answer[] = [];
  const additionals = new Map<string, Answer>();
  const targets = asked.flatMap((each) => each.targets);
  for (const target of drawnFrom(targets, most, random)) {
    const isAddress = isIPv4(target.host) || isIPv6(target.host);
    const at = isAddress ? named.names(target) : target.host;
    answers.push({
      type: 'SRV',
      name,
      ttl,
      data: {
        priority: target.suspect ? SUSPECT_PRIORITY : 0,
        weight: target.weight ?? 1,
        port: target.port,
        target: at,
      },
    });
    if (isAddress)
      additionals.set(at, { type: isIPv4(target.host) ? 'A' : 'AAAA', name: at, ttl, data: target.host });
  }
  return { answers, additionals: [...additionals.values()] };
}

function targetsOf(named: Named): readonly RouteTarget[] {
  if (named.kind === 'app' || named.kind === 'port') return named.services.flatMap(({ targets }) => targets);
  return named.kind === 'task' ? named.targets : [];
}

/** Suspects only when there is nothing else, as the proxy does. */
function preferred(targets: readonly RouteTarget[]): readonly RouteTarget[] {
  const sound = targets.filter(({ suspect, weight }) => !suspect && weight !== 0);
  return sound.length > 0 ? sound : targets;
}

function soaOf(name: string, { names, ttl, serial }: AnswerOptions): Answer {
  const zone = names.zoneOf(name) ?? name;
  return {
    type: 'SOA',
    name: zone,
    ttl,
    data: {
      mname: `ns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: serial >>> 0,
      refresh: 60,
      retry: 60,
      expire: 600,
      // how long "no such name" may be kept
      minimum: ttl,
    },
  };
}

/** The short answer to ANY (RFC 8482 4.2). */
function unspecific(name: string, { ttl }: AnswerOptions): Answer {
  return { type: 'HINFO', name, ttl, data: { cpu: 'RFC8482', os: '' } };
}

/**
 * The name that is asked for can be written as text and back. One with a dot inside a label would be read as another name, and octets
 * that are no ASCII would be echoed as others; no app has such a name. Also true where there is no name to look at.
 */
function isPlainName(bytes: Buffer): boolean {
  for (let at = HEAD_BYTES; at < bytes.length;) {
    const length = bytes[at] ?? 0;
    // the end, or nothing that a question begins with: the decoder says so
    if (length === 0 || length > LABEL_MAX) return true;
    const label = bytes.subarray(at + 1, at + 1 + length);
    if (label.some((octet) => octet <= 0x20 || octet >= 0x7f || octet === DOT)) return false;
    at += 1 + length;
  }
  return true;
}

function decode(bytes: Buffer): Packet | undefined {
  try {
    return dns.decode(bytes);
  } catch {
    // not a packet that can be read
    return undefined;
  }
}

/** Id and opcode of the query, and nothing of its contents. */
function encodeError(bytes: Buffer, rcode: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  bytes.copy(head, 0, 0, 2);
  const flags = bytes.readUInt16BE(2);
  head.writeUInt16BE(0x8000 | (flags & (OPCODE | RECURSION_DESIRED)) | rcode, 2);
  return head;
}

const sendsOptions = (query: Packet): boolean =>
  query.additionals?.some(({ type }) => type === 'OPT') ?? false;

function limitOf(query: Packet, transport: 'udp' | 'tcp'): number {
  if (transport === 'tcp') return TCP_BYTES_MAX;
  const option = query.additionals?.find(({ type }) => type === 'OPT');
  const asked = option && 'udpPayloadSize' in option ? Number(option.udpPayloadSize) : PLAIN_UDP_BYTES;
  return Math.min(Math.max(asked, PLAIN_UDP_BYTES), UDP_BYTES_MAX);
}

/** What is left out first are the additional addresses, which the client can ask for; then answers, marked as truncated. */
function fit(packet: Packet, limit: number, withOptions: boolean): Buffer {
  const option: Answer[] = withOptions
    ? [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: UDP_BYTES_MAX,
          flags: 0,
          options: [],
          extendedRcode: 0,
          ednsVersion: 0,
          flag_do: false,
        } as unknown as Answer,
      ]
    : [];
  const { answers = [], additionals = [] } = packet;
  const bare = dns.encodingLength({ ...packet, answers: [], additionals: option });
  const { count: fitting, left } = prefixWithin(answers, limit - bare);
  const truncated = fitting < answers.length;
  const withAll = !truncated && prefixWithin(additionals, left).count === additionals.length;
  return dns.encode({
    ...packet,
    flags: (packet.flags ?? 0) | (truncated ? TRUNCATED : 0),
    answers: answers.slice(0, fitting),
    additionals: [...(withAll ? additionals : []), ...option],
  });
}

/** How many of the first ones fit, and how many bytes that leaves; names are written in full, so lengths add up. */
function prefixWithin(
  records: readonly Answer[],
  bytes: number,
): { readonly count: number; readonly left: number } {
  let left = bytes;
  for (const [count, record] of records.entries()) {
    const after = left - (dns.encodingLength({ answers: [record] }) - HEAD_BYTES);
    if (after < 0) return { count, left };
    left = after;
  }
  return { count: records.length, left };
}

/** `most` of them at most, in an order by chance. */
function drawnFrom<T>(items: T[], most: number, random: () => number): T[] {
  const count = Math.min(most, items.length);
  for (let at = 0; at < count; at += 1) {
    const other = at + Math.floor(random() * (items.length - at));
    const [a, b] = [items[at], items[other]];
    if (a === undefined || b === undefined) continue;
    items[at] = b;
    items[other] = a;
  }
  return items.slice(0, count);
}
