// `/logging` (api.md 9): the level of this process's logger, read and changed while it runs, for ever or for some seconds.
import { failures, type ErrorDetail } from '#libs/api-contract';
import { piece } from '#libs/model';
import type { Logger } from '#libs/telemetry';
import type { Clock, Timer } from '#libs/time';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];
/** There is one logger; its own name is taken for it too. */
const ROOT = 'ROOT';
const NAMES = [ROOT, 'control-plane'];

export interface LogLevelChange {
  readonly level: string;
  readonly logger: string;
  readonly durationSeconds?: number;
}

export class LogLevels {
  /** What holds when no change for some seconds is on. */
  #lasting: string;
  #reset: Timer | null = null;

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {
    this.#lasting = logger.level ?? 'info';
  }

  /** Logger -> level. */
  list(): Readonly<Record<string, string>> {
    return { [ROOT]: (this.logger.level ?? this.#lasting).toUpperCase() };
  }

  change({ level, durationSeconds }: LogLevelChange): void {
    this.#reset?.cancel();
    this.#reset = null;
    this.logger.level = level;
    if (durationSeconds === undefined) this.#lasting = level;
    else {
      this.#reset = this.clock.after(durationSeconds * 1000, () => {
        this.logger.level = this.#lasting;
      });
    }
  }

  /** A pending return to the lasting level must not keep the process. */
  stop(): void {
    this.#reset?.cancel();
  }
}

/** Throws the 422 with all that is wrong. */
export function readLogLevelChange(body: unknown): LogLevelChange {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Readonly<Record<string, unknown>>;
  const problems: ErrorDetail[] = [];
  const level = textOf('level')?.toLowerCase();
  if (level !== undefined && !LEVELS.includes(level)) report('level', 'error.unknown.enum.literal');
  const logger = textOf('logger');
  const seconds = given['durationSeconds'];
  const isTimed = seconds !== undefined && seconds !== null;
  if (isTimed && typeof seconds !== 'number') report('durationSeconds', 'error.expected.jsnumber');
  else if (isTimed && !Number.isSafeInteger(seconds)) report('durationSeconds', 'error.expected.int');
  else if (isTimed && Number(seconds) < 1) report('durationSeconds', 'error.min');
  if (problems.length || level === undefined || logger === undefined) {
    throw failures.invalidDefinition({ kind: 'problems', stage: 'schema', problems });
  }
  if (!NAMES.includes(logger)) {
    throw failures.invalidArgument(`There is no logger '${piece(logger)}'. Known: ${NAMES.join(', ')}.`);
  }
  return { level, logger, ...(isTimed ? { durationSeconds: Number(seconds) } : {}) };

  function report(member: string, error: string): void {
    problems.push({ path: `/${member}`, errors: [error] });
  }
  function textOf(member: string): string | undefined {
    const value = given[member];
    if (typeof value === 'string') return value;
    const missing = value === undefined || value === null;
    report(member, missing ? `'${member}' is undefined on object: {}` : 'error.expected.jsstring');
    return undefined;
  }
}
