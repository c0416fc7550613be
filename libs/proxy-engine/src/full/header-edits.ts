// Carries out a route's edits of heads. `set` replaces, `add` appends, `remove` takes all of that name.
import type { HeaderEdit } from '#libs/routing';
import type { FlatHeaders, HeaderMap } from './client-side.js';

/** In place. */
export function editMap(headers: HeaderMap, edits: readonly HeaderEdit[]): HeaderMap {
  for (const { do: what, name, value = '' } of edits) {
    const before = headers[name];
    if (what === 'remove') delete headers[name];
    else if (what === 'set' || before === undefined) headers[name] = value;
    else headers[name] = [before, value].flat();
  }
  return headers;
}

export function editFlat(headers: FlatHeaders, edits: readonly HeaderEdit[]): string[] {
  let edited = [...headers];
  for (const { do: what, name, value = '' } of edits) {
    if (what !== 'add') edited = edited.filter((_, at) => edited[at - (at % 2)]?.toLowerCase() !== name);
    if (what !== 'remove') edited.push(name, value);
  }
  return edited;
}
