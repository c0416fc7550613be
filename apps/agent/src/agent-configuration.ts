// What the options mean: one frozen object, checked before anything starts. Nothing else reads the environment.
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  ConfigurationError,
  controlPlanesOf,
  tokenFileOf,
  type PortSpan,
  type Settings,
} from '#libs/configuration';

export interface AgentConfiguration {
  readonly controlPlanes: readonly string[];
  readonly token: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly hostname?: string;
  readonly address?: string;
  readonly taskPorts: PortSpan;
  readonly attributes: Readonly<Record<string, string>>;
  readonly cpus?: number;
  readonly mem?: number;
  readonly disk?: number;
  readonly region?: string;
  readonly zone?: string;
  readonly dockerSocket: string;
  /** Absolute. */
  readonly seccompProfiles?: string;
  readonly fetchCacheMib: number;
  readonly logLevel: string;
  readonly warnings: readonly string[];
}

/** Throws ConfigurationError. */
export function agentConfiguration(settings: Settings): AgentConfiguration {
  const warnings = [...settings.warnings];
  const text = <K extends string>(name: K): { [key in K]?: string } => {
    const value = settings.optional(name);
    return (value === undefined ? {} : { [name]: value }) as { [key in K]?: string };
  };
  const number = <K extends string>(name: K): { [key in K]?: number } =>
    (settings.has(name) ? { [name]: settings.number(name) } : {}) as { [key in K]?: number };
  const profiles = settings.optional('seccomp-profiles');
  return {
    controlPlanes: controlPlanesOf(settings),
    token: tokenOf(settings, warnings),
    dataDir: resolve(settings.text('data-dir')),
    taskPorts: settings.portRange('task-ports'),
    attributes: attributesOf(settings.list('attributes')),
    dockerSocket: settings.text('docker-socket'),
    ...(profiles === undefined ? {} : { seccompProfiles: resolve(profiles) }),
    fetchCacheMib: fetchCacheOf(settings.number('fetch-cache')),
    logLevel: logLevelOf(settings.text('log-level')),
    warnings,
    ...text('hostname'),
    ...text('address'),
    ...text('region'),
    ...text('zone'),
    ...number('cpus'),
    ...number('mem'),
    ...number('disk'),
  };
}

/** Agents always need one (decisions.md 29). */
function tokenOf(settings: Settings, warnings: string[]): string {
  const file = tokenFileOf(settings);
  if (file === undefined) {
    const token = settings.optional('token');
    if (token !== undefined) return token.trim();
    throw new ConfigurationError(
      'the token of the agents is missing: set LONGRUN_TOKEN or --token-file FILE',
    );
  }
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      warnings.push(`${file} can be read by other users; run chmod 600 on it`);
    const token = readFileSync(file, 'utf8').trim();
    if (token) return token;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`the token file cannot be read: ${why}`);
  }
  throw new ConfigurationError(`the token file ${file} is empty`);
}

function attributesOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf(':');
      if (at < 1) throw new ConfigurationError(`--attributes must be key:value,… (got "${pair}")`);
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

function fetchCacheOf(mib: number): number {
  if (mib > 0) return mib;
  throw new ConfigurationError(`--fetch-cache must be more than 0 MiB (got "${mib}")`);
}

function logLevelOf(level: string): string {
  if (['debug', 'info', 'warn', 'error'].includes(level)) return level;
  throw new ConfigurationError(`--log-level must be debug, info, warn or error (got "${level}")`);
}
