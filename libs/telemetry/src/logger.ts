// One JSON line per log entry on stderr, through pino. Fields that may hold secrets are removed before they are written.
import { pino } from 'pino';
import { logDestination } from './log-destination.js';

export interface Logger {
  /** trace, debug, info, warn or error; may be set at any time. Absent: it has none. */
  level?: string;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const SECRET_PATHS = [
  'token',
  '*.token',
  'authorization',
  '*.authorization',
  'password',
  '*.password',
  'env',
  '*.env',
];

export interface LoggerOptions {
  readonly level?: string;
  /** A file to append to, instead of stderr. */
  readonly file?: string;
}

/** `name` is the process: control-plane, agent, proxy, supervisor. */
export function createLogger(name: string, { level = 'info', file }: LoggerOptions = {}): Logger {
  return pino(
    { name, level, redact: { paths: SECRET_PATHS, remove: true }, timestamp: pino.stdTimeFunctions.isoTime },
    logDestination(file ?? 2),
  );
}

/** For tests and tools that want silence. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
