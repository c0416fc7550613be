// What a person sets for an app beside its definition (`PUT /v3/apps/ID/settings`): no new version, no restart.
import type { AppSettings } from '../app.js';
import { Problems, type ProblemList } from './problems.js';

interface Range {
  readonly from: number;
  readonly to: number;
}

const DAY_SECONDS = 86_400;
/** Seconds. */
export const SETTING_RANGES: Readonly<Record<keyof AppSettings, Range>> = {
  progressDeadlineSeconds: { from: 10, to: DAY_SECONDS },
  minReadySeconds: { from: 0, to: DAY_SECONDS },
};

/** Of more than these unknown ones each by its name would help nobody. */
const MEMBERS_NAMED_MAX = 50;

export type ParsedAppSettings = { readonly kind: 'ok'; readonly settings: AppSettings } | ProblemList;

/** A whole body: a member that is not there is not set. */
export function parseAppSettings(body: unknown): ParsedAppSettings {
  const problems = new Problems();
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    problems.add('/', `must be an object with ${Object.keys(SETTING_RANGES).join(' or ')}`);
    return problems.as('schema');
  }
  const count = Object.keys(body).length;
  if (count > MEMBERS_NAMED_MAX) {
    problems.add('/', `has ${count} members; there are only ${Object.keys(SETTING_RANGES).join(' and ')}`);
    return problems.as('schema');
  }
  for (const [name, value] of Object.entries(body)) {
    const range = rangeOf(name);
    if (!range)
      problems.add(`/${name}`, `is not known; there are ${Object.keys(SETTING_RANGES).join(' and ')}`);
    else if (!isWithin(value, range))
      problems.add(`/${name}`, `must be a whole number from ${range.from} to ${range.to}`);
  }
  return problems.any ? problems.as('schema') : { kind: 'ok', settings: { ...(body as AppSettings) } };
}

const rangeOf = (name: string): Range | undefined =>
  Object.hasOwn(SETTING_RANGES, name) ? SETTING_RANGES[name as keyof AppSettings] : undefined;

const isWithin = (value: unknown, { from, to }: Range): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to;
