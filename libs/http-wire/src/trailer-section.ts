// The fields behind the last chunk (RFC 9112 7.1.2): as strict as a head, and without any field that says how a message is framed or
// where it goes (RFC 9110 6.5.1), for whoever merges trailers into the head would take it for true.
import { BAD, found, MORE, scanFields, TOO_MANY } from './field-lines.js';
import type { ReadTrailerSection, TrailerVerdict } from './message.js';
import { specialField } from './special-fields.js';

const WANT_MORE: TrailerVerdict = Object.freeze({ kind: 'more' });
const bad = (why: string): TrailerVerdict => ({ kind: 'bad', why });

/** Reads the section that begins at `from`, where the scanner said `trailers`. Its size is limited as that of a head. */
export const readTrailerSection: ReadTrailerSection = (data, from, limits) => {
  const stop = Math.min(data.length, from + limits.headBytes);
  const end = scanFields(data, from, stop, limits.lines);
  if (end === BAD) return bad(found.why);
  if (end === TOO_MANY) return bad('more trailer lines than allowed');
  if (end === MORE) return stop === from + limits.headBytes ? bad('trailers longer than allowed') : WANT_MORE;
  const text = data.toString('latin1', from, end);
  const lines: string[] = [];
  for (let slot = 0; slot < found.count * 4; slot += 4) {
    const [name = 0, nameEnd = 0, value = 0, valueEnd = 0] = found.at.subarray(slot, slot + 4);
    if (specialField(data, name, nameEnd) !== 0) return bad('a trailer field that belongs into the head');
    lines.push(text.slice(name - from, nameEnd - from), text.slice(value - from, valueEnd - from));
  }
  return { kind: 'end', at: end, lines };
};
