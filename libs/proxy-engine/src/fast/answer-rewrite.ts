// The head of a target's answer as the client gets it, as one latin1 string; and answers of our own.
import { STATUS_CODES } from 'node:http';
import type { ResponseHead } from '#libs/http-wire';
import type { HeaderEdit } from '#libs/routing';
import type { OwnAnswer } from '../admission/admit.js';
import { partsOf } from '../answers.js';
import { CONTENT_LENGTH, DATE, DROP, kindInAnswer, TRANSFER_ENCODING } from './field-kinds.js';
import { CLIENT_IDLE_MS } from './limits.js';
import { editHead } from './request-rewrite.js';

/** Clients that know how long we wait do not send their next request just when we close. */
const STAYS = `connection: keep-alive\r\nkeep-alive: timeout=${CLIENT_IDLE_MS / 1000}\r\n`;
const CLOSES = 'connection: close\r\n';
const NO_CONTENT = 204;

export interface AnswerEnds {
  readonly keepAlive: boolean;
  /** Epoch ms, for answers without a Date. */
  readonly now: number;
  readonly cookie: string | undefined;
  readonly edits: readonly HeaderEdit[];
}

export function rewriteAnswer(head: ResponseHead, ends: AnswerEnds): string {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  let dated = false;
  const { lines, connectionNames } = head;
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const name = lines[at] as string;
    const kind = kindInAnswer(name);
    if (kind === DROP) continue;
    if (connectionNames.length > 0 && connectionNames.includes(name.toLowerCase())) continue;
    if (kind === DATE) dated = true;
    // of a body that is not there (HEAD)
    else if (kind === TRANSFER_ENCODING && head.framing.kind !== 'chunked') continue;
    else if (kind === CONTENT_LENGTH && head.status === NO_CONTENT) continue;
    text += `${name}: ${lines[at + 1] as string}\r\n`;
  }
  if (!dated) text += `date: ${dateOf(ends.now)}\r\n`;
  if (ends.cookie !== undefined) text += `set-cookie: ${ends.cookie}\r\n`;
  if (head.framing.kind === 'until-close') text += 'transfer-encoding: chunked\r\n';
  text += ends.keepAlive ? STAYS : CLOSES;
  if (ends.edits.length > 0) text = editHead(text, ends.edits);
  return `${text}\r\n`;
}

/** An interim answer (1xx): no length, no date, nothing about the connection. */
export function rewriteInterim(head: ResponseHead): string {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let at = 0; at + 1 < head.lines.length; at += 2) {
    const name = head.lines[at] as string;
    if (kindInAnswer(name) === DROP || head.connectionNames.includes(name.toLowerCase())) continue;
    text += `${name}: ${head.lines[at + 1] as string}\r\n`;
  }
  return `${text}\r\n`;
}

/** No task gave it. To HEAD the head alone. */
export function ownAnswerText(own: OwnAnswer, method: string, keepAlive: boolean, now: number): string {
  const { headers, body } = partsOf(own);
  let text = `HTTP/1.1 ${own.status} ${STATUS_CODES[own.status] ?? ''}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return `${text}date: ${dateOf(now)}\r\n${keepAlive ? STAYS : CLOSES}\r\n${method === 'HEAD' ? '' : body}`;
}

let second = -1;
let date = '';

function dateOf(now: number): string {
  const current = Math.floor(now / 1000);
  if (current !== second) {
    second = current;
    date = new Date(current * 1000).toUTCString();
  }
  return date;
}
