// What HAProxy is to tell of each request, when an access log is wanted, and of connections without a right PROXY header: a line to a pipe of ours. It does not wait for room there, so a
// proxy that is gone or slow holds nothing up. What clients write is told in base64, so that no header or path can be more than one field
// of a line. Where neither is wanted nothing of this is there.
import { join } from 'node:path';
import type { HeaderFault } from '#libs/proxy-core';
import { quote } from './config-text.js';

export interface LogWish {
  /** Requests, too. */
  readonly isAccess: boolean;
  /** Which share of the requests that did not fail HAProxy tells: one of so many; undefined: none. */
  readonly every: number | undefined;
}

/** In HAProxy's folder. */
export const logPipeIn = (folder: string): string => join(folder, 'log.pipe');

/** HAProxy has the pipe as this file. */
export const LOG_FD = 3;

/** Bytes; longer ones are cut. */
const PATH_MAX = 2_048;
const HOST_MAX = 255;
const ID_MAX = 128;
/** All of these in base64, and the rest: as much as goes into a pipe as a whole or not at all (PIPE_BUF). */
const LINE_MAX = 4_096;

/** HAProxy itself takes one of every N; what is between is left to the writer. `share`: 0 to 1. */
export const everyOf = (share: number): number | undefined =>
  share <= 0 ? undefined : Math.max(1, Math.floor(1 / share));

/** Of requests that are told: severities of syslog. HAProxy's own sense of a failure (its `option log-separate-errors`). */
export const SEVERITY = { failure: 3, usual: 6 } as const;

/** One per field, in this order. */
const FIELDS = [
  '%pid',
  '%b',
  '%s',
  '%ST',
  '%ts',
  '%rc',
  // of HTTP; of TCP %Tt
  '%[date(0,ms),sub(txn.log_at)]',
  '%Tt',
  '%B',
  '%U',
  '%ci',
  '%[fc_http_major]',
  ...['method', 'host', 'path', 'id'].map((name) => `%[var(txn.log_${name}),base64]`),
];

/** Of a frontend. `wantsHeader`: a PROXY header comes first. `early`: before its other rules, which change the path. `late`: when the request has its id. */
export function logRules(
  wish: LogWish | undefined,
  mode: 'http' | 'auto' | 'tcp',
  wantsHeader = false,
): { readonly early: readonly string[]; readonly late: readonly string[] } {
  if (wish === undefined) return { early: [], late: [] };
  const { every, isAccess } = wish;
  const line = `log fd@${LOG_FD} len ${LINE_MAX}`;
  // some failures of requests come with them, and are passed over
  if (!isAccess)
    return {
      early: wantsHeader ? ['option log-separate-errors', `${line} format short local0 err`] : [],
      late: [],
    };
  const settings = [
    'option log-separate-errors',
    // connections that say nothing are no requests
    ...(mode === 'http' ? ['option dontlognull'] : []),
    ...(every === 1 ? [`${line} format short local0`] : [`${line} format short local0 err`]),
    // failures among these were told by the line before
    ...(every !== undefined && every > 1 ? [`${line} format short sample 1:${every} local0 info info`] : []),
    `log-format ${quote(FIELDS.join(' '))}`,
  ];
  if (mode === 'tcp') return { early: settings, late: [] };
  const keep = (name: string, value: string): string => `http-request set-var(txn.log_${name}) ${value}`;
  return {
    early: [
      ...settings,
      keep('at', 'date(0,ms)'),
      keep('method', 'method'),
      keep('host', `req.hdr(host),bytes(0,${HOST_MAX})`),
      keep('path', `path,bytes(0,${PATH_MAX})`),
      // of a frontend that finds out what it carries HAProxy does not look at statuses
      ...(mode === 'auto' ? ['http-response set-log-level err if { status ge 500 }'] : []),
    ],
    late: [keep('id', `req.hdr(x-request-id),bytes(0,${ID_MAX})`)],
  };
}

/** A connection that was closed for its PROXY header. */
export interface HeaderRefusal {
  readonly servicePort: number;
  readonly fault: HeaderFault;
}

/** HAProxy's words (its conn_err_code_str). Two more are of connections that said nothing before they ended, as health checks do. */
const FAULTS: ReadonlyMap<string, HeaderFault> = new Map([
  ['Received something which does not look like a PROXY protocol header', 'missing'],
  ['Received an invalid PROXY protocol header', 'malformed'],
  ['Received an unhandled protocol in the PROXY protocol header', 'malformed'],
  ['Timeout while waiting for PROXY protocol header', 'late'],
  ['Truncated PROXY protocol header received', 'cut'],
]);

/** Undefined: it is none. */
export function headerRefusalOf(text: string): HeaderRefusal | undefined {
  const [, port, words = ''] = /^<\d+>\S+ \[[^\]]*\] port:(\d+)\/\d+: (.*)$/.exec(text) ?? [];
  const fault = FAULTS.get(words);
  return fault === undefined ? undefined : { servicePort: Number(port), fault };
}

/** What a line says. */
export interface LogLine {
  /** HAProxy's own sense of a failure: it tells all of them. */
  readonly isFailure: boolean;
  readonly worker: number;
  readonly backend: string;
  /** Undefined: none. */
  readonly server: string | undefined;
  /** 0: none. */
  readonly status: number;
  /** How it ended: who, and in which phase (HAProxy's termination state). */
  readonly end: string;
  readonly retries: number;
  readonly ms: number;
  /** Heads included. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly client: string;
  readonly httpMajor: number;
  /** Empty of a head that could not be read, and of TCP. */
  readonly method: string;
  readonly host: string | undefined;
  readonly path: string;
  readonly id: string;
}

/** Undefined: it is none, or its request was told by another line. */
export function logLineOf(text: string, { every }: LogWish): LogLine | undefined {
  const [, level, rest = ''] = /^<(\d+)>(.*)$/.exec(text) ?? [];
  const fields = rest.trim().split(' ');
  if (level === undefined || fields.length !== FIELDS.length) return undefined;
  const [pid, backend, server, status, end, rc, ms, totalMs, out, into, client, major] = fields;
  const [method = '', host, path = '', id = ''] = fields.slice(-4).map(decoded);
  const retries = rc ?? '';
  const line: LogLine = {
    isFailure: Number(level) <= SEVERITY.failure,
    worker: Number(pid),
    backend: backend ?? '',
    server: server === '<NOSRV>' ? undefined : server,
    status: Math.max(0, numberOf(status)),
    end: end ?? '',
    retries: Math.abs(numberOf(retries)),
    ms: ms === '-' ? numberOf(totalMs) : numberOf(ms),
    bytesOut: numberOf(out),
    bytesIn: numberOf(into),
    client: client ?? '',
    httpMajor: numberOf(major),
    method,
    host,
    path,
    id,
  };
  const isSample = every !== undefined && every > 1 && !line.isFailure;
  return isSample && wasFailure(line, retries.startsWith('+')) ? undefined : line;
}

/** As HAProxy has it (its strm_log): these come as failures, too. */
const wasFailure = ({ end, retries, status }: LogLine, isElsewhere: boolean): boolean =>
  isElsewhere || !/^[-L]/.test(end) || (end.startsWith('-') && retries > 0) || status >= 500;

const numberOf = (text: string | undefined): number => Number.parseInt(text ?? '', 10) || 0;

const decoded = (text: string): string | undefined =>
  text === '-' ? undefined : Buffer.from(text, 'base64').toString('utf8');
