// Longrun's own limits on a definition. Marathon has none of them; without them a definition could be stored that no kernel can
// start (exec takes 128 KiB per text and about 2 MiB in all) or that makes every answer of the API huge.
import type { AppInput } from './app-schema.js';
import type { Problems } from './problems.js';

const KIB = 1024;

export const LIMITS = {
  /** Bytes of UTF-8, half of what exec takes as one argument. */
  commandBytes: 64 * KIB,
  envEntries: 1000,
  /** Names, values and a separator each; the whole of it, since exec counts it together. */
  envBytes: 128 * KIB,
  /** Load balancers put a few hundred labels on an app; ten times as many are still read without trouble. */
  labels: 5000,
  /** `MARATHON_APP_LABELS` holds all names in one variable. */
  labelNameBytes: 64 * KIB,
  labelBytes: 512 * KIB,
  /** Measured: 100,000 rows in one commit cost the leader its office for a while. */
  instances: 20_000,
  ports: 100,
  healthChecks: 20,
  volumes: 100,
  parameters: 100,
  constraints: 100,
  dependencies: 1000,
  roles: 100,
  networks: 20,
  fetch: 100,
  statusCodes: 900,
  /** Names of accounts are shorter everywhere. */
  userBytes: 256,
  executorBytes: 4 * KIB,
  patternCharacters: 1000,
} as const;

/** Sizes and counts of a schema-clean definition. */
export function checkLimits(app: AppInput, problems: Problems): void {
  const atMost = (path: string, size: number, max: number, what: string): void => {
    if (size > max) problems.add(path, `must not have more than ${max} ${what}, it has ${size}`);
  };
  atMost('/cmd', utf8Bytes(app.cmd ?? ''), LIMITS.commandBytes, 'bytes');
  atMost('/args', sum((app.args ?? []).map(utf8Bytes)), LIMITS.commandBytes, 'bytes in all');
  const env = Object.entries(app.env);
  atMost('/env', env.length, LIMITS.envEntries, 'entries');
  const envTexts = env.map(([name, value]) => name + (typeof value === 'string' ? value : ''));
  atMost('/env', sum(envTexts.map(utf8Bytes)) + 2 * env.length, LIMITS.envBytes, 'bytes in all');
  const labelNames = Object.keys(app.labels);
  const labelNameBytes = sum(labelNames.map(utf8Bytes));
  atMost('/labels', labelNames.length, LIMITS.labels, 'entries');
  atMost('/labels', labelNameBytes, LIMITS.labelNameBytes, 'bytes of names in all');
  const labelBytes = labelNameBytes + sum(Object.values(app.labels).map(utf8Bytes));
  atMost('/labels', labelBytes, LIMITS.labelBytes, 'bytes in all');
  if (app.instances > LIMITS.instances)
    problems.add('/instances', `must not be more than ${LIMITS.instances}`);
  atMost('/ports', app.ports?.length ?? 0, LIMITS.ports, 'entries');
  atMost('/portDefinitions', app.portDefinitions?.length ?? 0, LIMITS.ports, 'entries');
  atMost('/container/portMappings', app.container?.portMappings?.length ?? 0, LIMITS.ports, 'entries');
  const oldMappings = app.container?.docker?.portMappings?.length ?? 0;
  atMost('/container/docker/portMappings', oldMappings, LIMITS.ports, 'entries');
  const parameters = app.container?.docker?.parameters.length ?? 0;
  atMost('/container/docker/parameters', parameters, LIMITS.parameters, 'entries');
  atMost('/container/volumes', app.container?.volumes.length ?? 0, LIMITS.volumes, 'entries');
  atMost('/healthChecks', app.healthChecks.length, LIMITS.healthChecks, 'entries');
  atMost('/constraints', app.constraints.length, LIMITS.constraints, 'entries');
  atMost('/dependencies', app.dependencies.length, LIMITS.dependencies, 'entries');
  atMost('/networks', app.networks.length, LIMITS.networks, 'entries');
  atMost('/fetch', app.fetch.length, LIMITS.fetch, 'entries');
  atMost('/uris', app.uris?.length ?? 0, LIMITS.fetch, 'entries');
  atMost('/ipAddress', app.ipAddress?.discovery?.ports.length ?? 0, LIMITS.ports, 'ports');
  atMost('/user', utf8Bytes(app.user ?? ''), LIMITS.userBytes, 'bytes');
  atMost('/executor', utf8Bytes(app.executor), LIMITS.executorBytes, 'bytes');
  app.readinessChecks.forEach(({ httpStatusCodesForReady }, index) => {
    const codes = httpStatusCodesForReady?.length ?? 0;
    atMost(`/readinessChecks(${index})/httpStatusCodesForReady`, codes, LIMITS.statusCodes, 'entries');
  });
  const { command } = app.check?.exec ?? {};
  const words = !command ? [] : 'shell' in command ? [command.shell] : command.argv;
  atMost('/check/exec/command', sum(words.map(utf8Bytes)), LIMITS.commandBytes, 'bytes in all');
  atMost('/acceptedResourceRoles', app.acceptedResourceRoles?.length ?? 0, LIMITS.roles, 'entries');
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Length of a text in UTF-8, which is what exec counts; the text has no lone surrogates. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
