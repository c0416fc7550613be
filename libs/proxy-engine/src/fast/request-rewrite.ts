// The head of a request as the target gets it: everything as sent, without what belongs to the client's connection, with who is really
// asking (X-Forwarded-*, RFC 7239). Written as one latin1 string.
import type { RequestHead } from '#libs/http-wire';
import type { HeaderEdit } from '#libs/routing';
import type { AdmittedRequest } from '../admission/admit.js';
import type { Origin } from '../fronts/origin.js';
import { forwardedOf, keptHost, keptProto } from '../full/forwarded-headers.js';
import {
  DROP,
  FORWARDED_FOR,
  FORWARDED_PORT,
  FORWARDED_PROTO,
  KEEP,
  kindInRequest,
  REQUEST_ID,
} from './field-kinds.js';
import { isUsableRequestId, makeRequestId } from './request-id.js';

/** What a connection adds to each of its requests: the same for all with the same Host. */
export class ForwardedLines {
  readonly address: string;
  readonly proto: 'http' | 'https';
  readonly port: string;
  #host: string | undefined;
  #lines = '';

  constructor(origin: Origin) {
    this.address = origin.clientAddress;
    this.proto = origin.secure ? 'https' : 'http';
    this.port = String(origin.localPort);
  }

  /** All of them, for a request that has none itself. */
  all(host: string | undefined): string {
    if (this.#lines === '' || host !== this.#host) {
      this.#host = host;
      this.#lines = this.some({ host });
    }
    return this.#lines;
  }

  /** For a request that has some: `given` are its own. Proto, Host and Port of a terminator in front are kept, as on the full path. */
  some(given: GivenForwarded): string {
    const chain = given.for === undefined ? this.address : `${given.for}, ${this.address}`;
    const proto = keptProto(given.proto) ?? this.proto;
    const host = keptHost(given.forwardedHost) ?? given.host;
    let lines = `x-forwarded-for: ${chain}\r\nx-forwarded-proto: ${proto}\r\n`;
    if (given.port !== true) lines += `x-forwarded-port: ${this.port}\r\n`;
    if (host !== undefined) lines += `x-forwarded-host: ${host}\r\n`;
    return `${lines}forwarded: ${forwardedOf({ chain, proto, host })}\r\n`;
  }
}

interface GivenForwarded {
  host: string | undefined;
  for?: string;
  proto?: string;
  port?: boolean;
  forwardedHost?: string;
}

export interface RewrittenRequest {
  readonly text: string;
  readonly requestId: string;
}

export function rewriteRequest(
  head: RequestHead,
  route: AdmittedRequest,
  forwarded: ForwardedLines,
): RewrittenRequest {
  const { lines, connectionNames, host } = head;
  let text = `${head.method} ${route.url} HTTP/1.1\r\n`;
  let requestId: string | undefined;
  let given: GivenForwarded | undefined;
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = lines[at] as string;
    const value = lines[at + 1] as string;
    if (connectionNames.length > 0 && connectionNames.includes(name.toLowerCase())) continue;
    const kind = kindInRequest(name);
    if (kind === KEEP) text += `${name}: ${value}\r\n`;
    else if (kind === REQUEST_ID) {
      if (requestId === undefined && isUsableRequestId(value)) requestId = value;
    } else if (kind !== DROP) {
      given ??= { host };
      if (note(given, kind, value)) text += `${name}: ${value}\r\n`;
    }
  }
  requestId ??= makeRequestId();
  text += given ? forwarded.some(given) : forwarded.all(host);
  if (route.prefix !== undefined) text += `x-forwarded-prefix: ${route.prefix}\r\n`;
  text += `x-request-id: ${requestId}\r\nconnection: keep-alive\r\n`;
  if (route.requestEdits.length > 0) text = editHead(text, route.requestEdits);
  return { text: `${text}\r\n`, requestId };
}

/** True: the line goes on as it is. */
function note(given: GivenForwarded, kind: number, value: string): boolean {
  switch (kind) {
    case FORWARDED_FOR:
      given.for = given.for === undefined ? value : `${given.for}, ${value}`;
      return false;
    case FORWARDED_PROTO:
      given.proto ??= value;
      return false;
    case FORWARDED_PORT:
      given.port = true;
      return true;
    default:
      given.forwardedHost ??= value;
      return false;
  }
}

/** `head` without its empty line. Edits are few and rare: this need not be quick. */
export function editHead(head: string, edits: readonly HeaderEdit[]): string {
  const [first = '', ...lines] = head.split('\r\n').slice(0, -1);
  const replaced = new Set(edits.flatMap((each) => (each.do === 'add' ? [] : each.name)));
  const kept = lines.filter((line) => !replaced.has(line.slice(0, line.indexOf(':')).toLowerCase()));
  for (const { do: what, name, value = '' } of edits) if (what !== 'remove') kept.push(`${name}: ${value}`);
  return `${[first, ...kept].join('\r\n')}\r\n`;
}
