// Reads the head of an answer as strictly as that of a request: what a task sends ambiguously is 502 to the client, not passed on.
import { facts, readFields } from './field-facts.js';
import { BAD, found, MORE, scanFields, TOO_MANY } from './field-lines.js';
import type {
  AnswerTo,
  Framing,
  HeadLimits,
  HeadVerdict,
  ReadResponseHead,
  ResponseHead,
} from './message.js';
import * as octets from './octets.js';

// Copies: an imported constant is fetched in each turn of a loop, and its type checked; one of this file is part of the machine code
// (measured: the scan of a head took 1.5 times as long).
const CR = octets.CR;
const KINDS = octets.KINDS;
const LF = octets.LF;
const SPACE = octets.SPACE;
const VALUE = octets.VALUE;

type Verdict = HeadVerdict<ResponseHead>;

const WANT_MORE: Verdict = Object.freeze({ kind: 'more' });
const NO_BODY: Framing = Object.freeze({ kind: 'none' });
const CHUNKED: Framing = Object.freeze({ kind: 'chunked' });
const UNTIL_CLOSE: Framing = Object.freeze({ kind: 'until-close' });
/** `HTTP/1.` as octets. */
const VERSION = Uint8Array.from(Buffer.from('HTTP/1.', 'latin1'));
/** `HTTP/1.1 200` */
const STATUS_END = 12;
const ZERO = 48;

const bad = (why: string): Verdict => ({ kind: 'bad', status: 502, why });

/** Reads the answer's head that begins at `from`. An interim answer (1xx) is a head without a body; the next one follows it. */
export const readResponseHead: ReadResponseHead = (data, from, limits, to) => {
  const stop = Math.min(data.length, from + limits.headBytes);
  const fault = statusLineFault(data, from, stop);
  if (fault !== '') return bad(fault);
  const reason = from + STATUS_END;
  if (reason >= stop) return wantMore(from, stop, limits);
  // without a reason many leave the space out, too (llhttp bears it as well)
  if (data[reason] !== SPACE && data[reason] !== CR) return bad('a status that is no three digits');
  let reasonEnd = reason;
  while (reasonEnd < stop && ((KINDS[data[reasonEnd] as number] as number) & VALUE) !== 0) reasonEnd += 1;
  if (reasonEnd < stop && data[reasonEnd] !== CR) return bad('a status line that does not end with CR LF');
  if (reasonEnd + 1 >= stop) return wantMore(from, stop, limits);
  if (data[reasonEnd + 1] !== LF) return bad('a CR without LF');
  const end = scanFields(data, reasonEnd + 2, stop, limits.lines);
  if (end === TOO_MANY) return bad('more header lines than allowed');
  if (end === BAD) return bad(found.why);
  if (end === MORE) return wantMore(from, stop, limits);
  const text = data.toString('latin1', from, end);
  if (readFields(data, text, from) !== 0) return bad(facts.why);
  return judge(
    Number(text.slice(9, STATUS_END)),
    text.slice(STATUS_END + 1, reasonEnd - from),
    data[from + 7] === ZERO + 1,
    end,
    to,
  );
};

/** Looks at as much of `HTTP/1.x ddd` as is there. */
function statusLineFault(data: Buffer, from: number, stop: number): string {
  const there = Math.min(stop - from, STATUS_END);
  for (let i = 0; i < there; i += 1) {
    const octet = data[from + i] as number;
    if (i < 7) {
      if (octet !== VERSION[i]) return 'an answer that is not HTTP/1';
    } else if (i === 7) {
      if (octet !== ZERO && octet !== ZERO + 1) return 'an HTTP version other than 1.1 and 1.0';
    } else if (i === 8) {
      if (octet !== SPACE) return 'a status line without a space behind the version';
    } else if (octet < ZERO + (i === 9 ? 1 : 0) || octet > ZERO + 9)
      return 'a status that is no three digits';
  }
  return '';
}

function wantMore(from: number, stop: number, limits: HeadLimits): Verdict {
  return stop === from + limits.headBytes
    ? bad(`the head is longer than ${limits.headBytes} bytes`)
    : WANT_MORE;
}

function judge(status: number, reason: string, isModern: boolean, end: number, to: AnswerTo): Verdict {
  const { chunked, length, close, keepAlive } = facts;
  // faulty framing (RFC 9112 6.1)
  if (chunked && !isModern) return bad('Transfer-Encoding in HTTP/1.0');
  // close wins (RFC 9112 9.3), and llhttp lets keep-alive win
  if (close && keepAlive && !isModern) return bad('both close and keep-alive in HTTP/1.0');
  if (status === 101) return bad('it switched protocols unasked');
  if (status < 200 && (close || !isModern)) return bad('an interim answer that closes the connection');
  if (status < 200 || status === 204) {
    // RFC 9110 8.6, RFC 9112 6.1. `Content-Length: 0` with a 204 is forbidden, harmless and common.
    if (chunked || length > 0 || (length === 0 && status !== 204))
      return bad(`a body length with status ${status}`);
  }
  const framing = framingOf(status, to);
  const stays = isModern ? !close : keepAlive && !close;
  return {
    kind: 'head',
    head: {
      status,
      reason,
      lines: facts.lines,
      framing,
      keepAlive: stays && framing !== UNTIL_CLOSE && !isBlindHead(framing, status, to),
      connectionNames: facts.names,
      end,
    },
  };
}

/**
 * An answer to HEAD that says nothing of a length: a task that does not know HEAD would send a body until it closes, and the connection
 * must not be used again to find that out. llhttp does the same.
 */
function isBlindHead(framing: Framing, status: number, to: AnswerTo): boolean {
  const isBare = status < 200 || status === 204 || status === 304;
  return framing === NO_BODY && to.method === 'HEAD' && !isBare && !facts.chunked && facts.length < 0;
}

/** RFC 9112 6.3, in its order. */
function framingOf(status: number, to: AnswerTo): Framing {
  if (to.method === 'HEAD' || status < 200 || status === 204 || status === 304) return NO_BODY;
  if (facts.chunked) return CHUNKED;
  return facts.length >= 0 ? { kind: 'length', bytes: facts.length } : UNTIL_CLOSE;
}
