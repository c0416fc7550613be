// Reads the head of a request: everything that two parsers could read differently is refused, everything rare is handed on.
import { METHODS } from 'node:http';
import { facts, readFields } from './field-facts.js';
import { BAD, MORE, scanFields, TOO_MANY, found } from './field-lines.js';
import { absoluteFault } from './host.js';
import type { Framing, HeadLimits, HeadVerdict, ReadRequestHead, RequestHead } from './message.js';
import * as octets from './octets.js';

// Copies: an imported constant is fetched in each turn of a loop, and its type checked; one of this file is part of the machine code
// (measured: the scan of a head took 1.5 times as long).
const CR = octets.CR;
const KINDS = octets.KINDS;
const LF = octets.LF;
const SLASH = octets.SLASH;
const SPACE = octets.SPACE;
const TARGET = octets.TARGET;
const TOKEN = octets.TOKEN;

type Verdict = HeadVerdict<RequestHead>;

const WANT_MORE: Verdict = Object.freeze({ kind: 'more' });
const NO_BODY: Framing = Object.freeze({ kind: 'none' });
const CHUNKED: Framing = Object.freeze({ kind: 'chunked' });
const METHOD_BYTES = 32;
/** Methods that node:http would refuse go there to be refused; CONNECT and TRACE are not for a reverse proxy's fast path. */
const PLAIN_METHODS = new Set(METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE'));
/** `HTTP/1.` as octets. */
const VERSION = Uint8Array.from(Buffer.from('HTTP/1.', 'latin1'));
const VERSION_BYTES = VERSION.length + 1;
const STAR = 42;
const ZERO = 48;

const bad = (status: number, why: string): Verdict => ({ kind: 'bad', status, why });
const unusual = (why: string): Verdict => ({ kind: 'unusual', why });

/** Reads the request head that begins at `from`. Pure, but for the scratch space of the process. */
export const readRequestHead: ReadRequestHead = (data, from, limits) => {
  const stop = Math.min(data.length, from + limits.headBytes);
  const method = skipEmptyLine(data, from, stop);
  if (method < 0)
    return method === MORE ? wantMore(from, stop, limits) : bad(400, 'an octet that begins no request');
  const methodEnd = endOfMethod(data, method, stop);
  if (methodEnd < 0)
    return methodEnd === MORE ? wantMore(from, stop, limits) : bad(400, 'a method that is no token');
  const target = methodEnd + 1;
  const targetMax = Math.min(stop, target + limits.targetBytes + 1);
  let targetEnd = target;
  while (targetEnd < targetMax && ((KINDS[data[targetEnd] as number] as number) & TARGET) !== 0)
    targetEnd += 1;
  if (targetEnd - target > limits.targetBytes) return bad(414, 'the target is longer than allowed');
  if (targetEnd >= stop) return wantMore(from, stop, limits);
  if (data[targetEnd] !== SPACE || targetEnd === target)
    return bad(400, badTarget(data[targetEnd] as number));
  const version = targetEnd + 1;
  const fields = version + VERSION_BYTES + 2;
  const minor = readVersion(data, version, stop);
  if (minor < 0) return minor === MORE ? wantMore(from, stop, limits) : badVersion(minor);
  const end = scanFields(data, fields, stop, limits.lines);
  if (end < 0) return unfinished(end, from, stop, limits);
  const text = data.toString('latin1', method, end);
  const status = readFields(data, text, method);
  if (status !== 0) return bad(status, facts.why);
  return judge(
    text.slice(0, methodEnd - method),
    text.slice(target - method, targetEnd - method),
    minor,
    end,
  );
};

/** One empty line before a request is borne (RFC 9112 2.2), more are not. */
function skipEmptyLine(data: Buffer, from: number, stop: number): number {
  if (from >= stop) return MORE;
  if (data[from] !== CR) return from;
  if (from + 1 >= stop) return MORE;
  if (data[from + 1] !== LF) return BAD;
  return from + 2 >= stop ? MORE : from + 2;
}

/** Offset of the space behind the method. */
function endOfMethod(data: Buffer, from: number, stop: number): number {
  const max = Math.min(stop, from + METHOD_BYTES);
  let p = from;
  while (p < max && ((KINDS[data[p] as number] as number) & TOKEN) !== 0) p += 1;
  if (p >= stop) return MORE;
  return data[p] === SPACE && p > from ? p : BAD;
}

const UNKNOWN_VERSION = -3;

/** The minor version, or MORE, BAD, UNKNOWN_VERSION. The line ends with CR LF right behind it. */
function readVersion(data: Buffer, from: number, stop: number): number {
  for (let i = 0; i < VERSION.length; i += 1) {
    if (from + i >= stop) return MORE;
    if (data[from + i] !== VERSION[i]) return i === 5 ? otherMajor(data, from, stop) : BAD;
  }
  const end = from + VERSION_BYTES;
  if (end > stop) return MORE;
  const minor = (data[end - 1] as number) - ZERO;
  if (minor < 0 || minor > 9) return BAD;
  return endOfLine(data, end, stop, minor > 1 ? UNKNOWN_VERSION : minor);
}

/** `HTTP/` DIGIT `.` DIGIT is well-formed (RFC 9112 2.3). */
function otherMajor(data: Buffer, from: number, stop: number): number {
  const end = from + VERSION_BYTES;
  if (end > stop) return MORE;
  const isDigit = (octet: number): boolean => octet >= ZERO && octet <= ZERO + 9;
  if (!isDigit(data[from + 5] as number) || data[from + 6] !== 46 || !isDigit(data[from + 7] as number))
    return BAD;
  return endOfLine(data, end, stop, UNKNOWN_VERSION);
}

function endOfLine(data: Buffer, p: number, stop: number, answer: number): number {
  if (p >= stop) return MORE;
  if (data[p] !== CR) return BAD;
  if (p + 1 >= stop) return MORE;
  return data[p + 1] === LF ? answer : BAD;
}

function badVersion(code: number): Verdict {
  return code === UNKNOWN_VERSION
    ? bad(505, 'an HTTP version other than 1.1 and 1.0')
    : bad(400, 'a request line that does not end with the version and CR LF');
}

function badTarget(octet: number): string {
  if (octet === SPACE) return 'two spaces in the request line';
  if (octet === CR || octet === LF) return 'a request line without a version';
  return `octet 0x${octet.toString(16).padStart(2, '0')} in the target`;
}

function wantMore(from: number, stop: number, limits: HeadLimits): Verdict {
  return stop === from + limits.headBytes ? bad(431, 'the head is longer than allowed') : WANT_MORE;
}

function unfinished(code: number, from: number, stop: number, limits: HeadLimits): Verdict {
  if (code === TOO_MANY) return bad(431, 'more header lines than allowed');
  return code === MORE ? wantMore(from, stop, limits) : bad(400, found.why);
}

/** All lines are well-formed: what they say together. */
function judge(method: string, target: string, minor: number, end: number): Verdict {
  const { host, chunked, length } = facts;
  if (host === undefined && minor === 1) return bad(400, 'HTTP/1.1 without Host');
  if (chunked && minor === 0) return bad(400, 'Transfer-Encoding in HTTP/1.0');
  if (target.charCodeAt(0) !== SLASH) {
    const verdict = otherForm(method, target, host);
    if (verdict) return verdict;
  }
  if (!PLAIN_METHODS.has(method)) return unusual(`method ${method}`);
  if (minor === 0) return unusual('HTTP/1.0');
  if (facts.unusual !== '') return unusual(facts.unusual);
  return {
    kind: 'head',
    head: {
      method,
      target,
      lines: facts.lines,
      host,
      framing: chunked ? CHUNKED : length >= 0 ? { kind: 'length', bytes: length } : NO_BODY,
      keepAlive: !facts.close,
      connectionNames: facts.names,
      end,
    },
  };
}

/** Asterisk and authority form belong to one method each (RFC 9112 3.2); undefined: a good absolute form. */
function otherForm(method: string, target: string, host: string | undefined): Verdict | undefined {
  if (method === 'CONNECT') return unusual('CONNECT');
  if (target.charCodeAt(0) === STAR && target.length === 1) {
    return method === 'OPTIONS' ? unusual('OPTIONS *') : bad(400, 'the target * without OPTIONS');
  }
  const fault = absoluteFault(target, host);
  return fault === '' ? undefined : bad(400, fault);
}
