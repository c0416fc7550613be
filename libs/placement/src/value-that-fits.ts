// A value of an agent's field that meets every constraint on it: the plain candidates are tried, for a regular expression cannot be
// turned round in general. What is found does fit, for each candidate is asked; nothing found does not mean that there is none.
import type { AgentId, AgentInfo, AgentNode, Constraint } from '#libs/model';
import { constraintTest, fieldValue } from './constraints.js';
import { NEW_AGENT } from './change-step.js';
import type { World } from './change-step.js';

/** Existing values that are tried; a fleet has few distinct ones of what is worth a constraint. */
const TRIED_MAX = 50;

/** Both names of the host name mean the same. */
export const fieldKey = (field: string): string => (field === 'hostname' ? '@hostname' : field);

/** Undefined: no value at all will do as well. Null: none of the candidates fits. */
export function valueThatFits(
  key: string,
  agent: AgentNode,
  { request, agents }: World,
): string | undefined | null {
  const { spec, peers, total } = request;
  const constraints = spec.constraints.filter(({ field }) => fieldKey(field) === key);
  const fits = (value: string | undefined): boolean => {
    const info = withField(agent.info, key, value);
    const all = new Map(agents).set(info.id, { ...agent, info });
    return constraints.every((each) => constraintTest(each, { agents: all, peers, total }).of(info).fits);
  };
  if (key !== '@hostname' && fits(undefined)) return undefined;
  return valuesToTry(key, constraints, agents).find(fits) ?? null;
}

/** The same agent with another value of one field. */
export function withField(info: AgentInfo, key: string, value: string | undefined): AgentInfo {
  switch (key) {
    case '@hostname':
      return { ...info, hostname: value ?? info.hostname };
    case '@region': {
      const { region: _, ...rest } = info;
      return value === undefined ? rest : { ...rest, region: value };
    }
    case '@zone': {
      const { zone: _, ...rest } = info;
      return value === undefined ? rest : { ...rest, zone: value };
    }
    default: {
      const { [key]: _, ...attributes } = info.attributes;
      return { ...info, attributes: value === undefined ? attributes : { ...attributes, [key]: value } };
    }
  }
}

/** Of which some may fit. */
export function valuesToTry(
  key: string,
  constraints: readonly Constraint[],
  agents: ReadonlyMap<AgentId, AgentNode>,
): readonly string[] {
  const literal = constraints.flatMap(({ field, value }) =>
    fieldKey(field) === key && value ? [value, ...samplesOf(value)] : [],
  );
  const known = new Set<string>();
  for (const { info } of agents.values()) {
    const value = known.size < TRIED_MAX ? fieldValue(info, key) : undefined;
    if (value !== undefined) known.add(value);
  }
  const fresh = key === '@hostname' ? NEW_AGENT : `new-${key.replace('@', '')}`;
  if (key !== '@hostname') return [...known, ...literal, fresh];
  // a second agent of a host that has one brings no resources along
  const hosts = new Set([...agents.values()].map(({ info }) => info.hostname));
  return [fresh, ...literal].filter((each) => !hosts.has(each));
}

/** A text per alternative that a simple pattern is likely to match: `web-\d+|db` gives `web-1` and `db`. */
const samplesOf = (pattern: string): readonly string[] =>
  pattern
    .replace(/^\^|\$$/g, '')
    .replace(/\(\?[:i]*\)?|[()]/g, '')
    .split('|')
    .map((each) =>
      each.replace(TOKEN, (token, escaped?: string, first?: string) => sampleOf(token, escaped, first)),
    );

const TOKEN = /\\(.)|\[([^\]^])[^\]]*\]|\.|[*+?]|\{[^}]*\}/g;

function sampleOf(token: string, escaped: string | undefined, first: string | undefined): string {
  if (escaped !== undefined) return { d: '1', w: 'a', s: ' ' }[escaped] ?? escaped;
  if (first !== undefined) return first;
  return token === '.' ? 'a' : '';
}
