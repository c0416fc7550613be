// Translates what pg, the socket and TypeORM throw. Either Postgres is not there or refuses for now (StoreUnavailable: step down, try
// again), or a statement of ours is wrong (StoreDefect). Neither carries a value: messages and details of Postgres may quote rows.
import { StoreUnavailable } from '#libs/store';

/** A broken statement or a broken promise of the schema: a bug. Names the statement and what Postgres named, never a value. */
export class StoreDefect extends Error {
  override readonly name = 'StoreDefect';
}

/** The database belongs to a newer release, or has not been migrated. Nothing but another release or a migration helps. */
export class SchemaMismatch extends Error {
  override readonly name = 'SchemaMismatch';
}

export const tooNew = (migration: string): SchemaMismatch =>
  new SchemaMismatch(
    `the database was changed by a newer release (${migration}) that this one cannot work with: run that release or a later one`,
  );

/** SQLSTATEs after which trying again later makes sense; two letters or digits are a whole class. */
const PASSING = new Map<string, string>([
  ['08', 'the connection broke'],
  ['28', 'Postgres refuses our user: check the password in the database URL and pg_hba.conf'],
  ['3D', 'the database in the database URL does not exist: create it'],
  ['53', 'Postgres is out of a resource'],
  ['53100', 'the disk of Postgres is full: free space there'],
  ['53300', 'Postgres has no connection left: raise max_connections'],
  ['57', 'Postgres is stopping, starting or ended our statement'],
  ['57014', 'a statement took too long'],
  ['58', 'Postgres met an error of its operating system'],
  ['40', 'Postgres asks to try again'],
  ['55P03', 'a lock was not free in time'],
  ['25P03', 'a transaction of ours stood still for too long'],
  ['25006', 'this Postgres only reads: it is a standby'],
]);

const CONNECTION =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|ENOENT|EHOST|ENET|EACCES|ERR_SSL|ERR_TLS|ERR_STREAM|CERT_|DEPTH_|SELF_|UNABLE_)/;
/** pg's own errors have no code. */
const CONNECTION_WORDS =
  /connection terminated|timeout|cannot use a pool|client has encountered a connection error|client was closed|driver not connected|not queryable|server does not support ssl|sasl|scram/i;

const PASSED_ON = [StoreUnavailable, StoreDefect, SchemaMismatch];

interface PgFields {
  readonly code?: unknown;
  readonly driverError?: unknown;
  readonly table?: unknown;
  readonly column?: unknown;
  readonly constraint?: unknown;
}

/** `statement` is the name of what was being done, e.g. `commit.put-app`. */
export function translated(statement: string, thrown: unknown): Error {
  if (PASSED_ON.some((known) => thrown instanceof known)) return thrown as Error;
  const fields = fieldsOf(thrown);
  const code = typeof fields.code === 'string' ? fields.code : '';
  const why = PASSING.get(code) ?? (isSqlState(code) ? PASSING.get(code.slice(0, 2)) : undefined);
  if (why) return new StoreUnavailable(`${statement}: ${why} (${code})`, { diskFull: code === '53100' });
  if (CONNECTION.test(code)) return new StoreUnavailable(`${statement}: cannot reach Postgres (${code})`);
  if (!code && thrown instanceof Error && CONNECTION_WORDS.test(thrown.message)) {
    return new StoreUnavailable(`${statement}: cannot reach Postgres (${thrown.message})`);
  }
  return withFrames(new StoreDefect(`${statement} failed: ${described(fields, code, thrown)}`), thrown);
}

/** The place in the code without the message that stands above it in a stack. */
function withFrames(defect: StoreDefect, thrown: unknown): StoreDefect {
  const frames = thrown instanceof Error ? /(\n +at [^\n]*)+$/.exec(thrown.stack ?? '')?.[0] : undefined;
  if (frames) defect.stack = `${defect.name}: ${defect.message}${frames}`;
  return defect;
}

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code);

function fieldsOf(thrown: unknown): PgFields {
  if (typeof thrown !== 'object' || thrown === null) return {};
  const { driverError } = thrown as PgFields;
  return typeof driverError === 'object' && driverError !== null ? driverError : thrown;
}

/** Errors without an SQLSTATE come from JavaScript; their class says enough, their message might quote a value. */
function described({ table, column, constraint }: PgFields, code: string, thrown: unknown): string {
  const parts = [
    code && `SQLSTATE ${code}`,
    table && `table ${String(table)}`,
    column && `column ${String(column)}`,
    constraint && `constraint ${String(constraint)}`,
  ].filter(Boolean);
  return parts.length
    ? parts.join(', ')
    : thrown instanceof Error
      ? thrown.constructor.name
      : 'unknown error';
}
