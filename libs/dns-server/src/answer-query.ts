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
const PLAIN_UDP_BYTES = 512;
/** Fits every path without fragments (DNS flag day 2020). */
const UDP_BYTES_MAX = 1232;
export const TCP_BYTES_MAX = 65_535;
/** SRV records of suspects come behind all others. */
const SUSPECT_PRIORITY = 10;

/** Undefined: no answer at all (not a query, or not even an id). */
export function answerQuery(
  bytes: Buffer,
  options: AnswerOptions,
  transport: 'udp' | 'tcp',
): Buffer | undefined {
  // an answer to an answer would let two servers talk for ever
  if (bytes.length < 12 || (bytes.readUInt16BE(2) & 0x8000) !== 0) return undefined;
  const query = decode(bytes);
  if (!query) return encodeError(bytes, RCODE.formatError);
  if (((query.flags ?? 0) & OPCODE) !== 0) return encodeError(bytes, RCODE.notImplemented);
  const [question, ...others] = query.questions ?? [];
  if (!question || others.length > 0) return encodeError(bytes, RCODE.formatError);
  const found = resolve(question, options);
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
  return fit(packet, limitOf(query, transport), sendsOptions(query));
}

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

function resolve(question: Question, options: AnswerOptions): Found {
  if (question.class !== undefined && question.class !== 'IN' && question.class !== 'ANY')
    return found(RCODE.refused);
  const named = options.names.find(question.name);
  if (named.kind === 'foreign') return found(RCODE.refused);
  const soa = soaOf(question.name, options);
  if (named.kind === 'nothing') return found(RCODE.noSuchName, { authorities: [soa] });
  const isApex = options.names.zoneOf(question.name) === question.name.toLowerCase();
  if ((question.type as string) === 'ANY')
    return found(RCODE.noError, { answers: [unspecific(question.name, options)] });
  if (question.type === 'SOA' && isApex) return found(RCODE.noError, { answers: [soa] });
  const { answers, additionals } = recordsFor(named, question, options);
  return found(RCODE.noError, { answers, additionals, authorities: answers.length > 0 ? [] : [soa] });
}

function recordsFor(
  named: Named,
  { name, type }: Question,
  options: AnswerOptions,
): Pick<Found, 'answers' | 'additionals'> {
  const targets = targetsOf(named);
  if (type === 'A' || type === 'AAAA') {
    // a port has no address of its own (RFC 2782)
    const hosts = named.kind === 'port' ? [] : new Set(preferred(targets).map(({ host }) => host));
    return { answers: shuffled(addresses(name, type, hosts, options.ttl), options.random), additionals: [] };
  }
  if (type === 'SRV' && (named.kind === 'app' || named.kind === 'port'))
    return services(name, named, options);
  return { answers: [], additionals: [] };
}

/** Of an app without `_port…` that is its first port; a name of Mesos' form with `_tcp` alone stands for all. */
function services(
  name: string,
  named: { kind: 'app' | 'port'; services: readonly RouteService[]; names: TaskNames },
  { ttl, random }: AnswerOptions,
): Pick<Found, 'answers' | 'additionals'> {
  const lowest = Math.min(...named.services.map(({ portIndex }) => portIndex));
  const asked = named.services.filter(({ portIndex }) => named.kind === 'port' || portIndex === lowest);
  const answers: Answer[] = [];
  const additionals = new Map<string, Answer>();
  for (const target of asked.flatMap((each) => each.targets)) {
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
  return { answers: shuffled(answers, random), additionals: [...additionals.values()] };
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

/** A host that is a name of its own has no address here; SRV records point at it. */
function addresses(name: string, type: 'A' | 'AAAA', hosts: Iterable<string>, ttl: number): Answer[] {
  const fits = type === 'A' ? isIPv4 : isIPv6;
  return [...hosts].filter(fits).map((data) => ({ type, name, ttl, data }));
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
  const head = Buffer.alloc(12);
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
  const encode = (answers: number, additionals: number, truncated: boolean): Buffer =>
    dns.encode({
      ...packet,
      flags: (packet.flags ?? 0) | (truncated ? TRUNCATED : 0),
      answers: packet.answers?.slice(0, answers) ?? [],
      additionals: [...(packet.additionals?.slice(0, additionals) ?? []), ...option],
    });
  const answers = packet.answers?.length ?? 0;
  const whole = encode(answers, packet.additionals?.length ?? 0, false);
  if (whole.length <= limit) return whole;
  const bare = encode(answers, 0, false);
  if (bare.length <= limit) return bare;
  let [low, high] = [0, answers];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (encode(middle, 0, true).length <= limit) low = middle;
    else high = middle - 1;
  }
  return encode(low, 0, true);
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    const [a, b] = [items[at], items[other]];
    if (a === undefined || b === undefined) continue;
    items[at] = b;
    items[other] = a;
  }
  return items;
}
