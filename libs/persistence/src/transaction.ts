// One connection, one transaction: named statements, an error translated with the name of its statement, and never a connection
// back into the pool that is not known to be idle.
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { translated } from './errors.js';

/** `name` is the prepared statement's name (planned once per connection) and what an error shows. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export class Transaction {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async run<Row extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    try {
      const { rows } = await this.#client.query<Row>({ ...statement, values: [...values] });
      return rows;
    } catch (error) {
      throw translated(statement.name, error);
    }
  }

  /** Several statements in one message without values; gives the rows of the last one. */
  async runTogether<Row extends QueryResultRow>({ name, text }: Statement): Promise<Row[]> {
    try {
      const results: unknown = await this.#client.query<Row>(text);
      const last: unknown = Array.isArray(results) ? results.at(-1) : results;
      return (last as { rows: Row[] }).rows;
    } catch (error) {
      throw translated(name, error);
    }
  }
}

/** `work` begins and commits or rolls back itself. If it throws, Postgres rolls back because the connection is closed. */
export async function withTransaction<T>(
  pool: Pool,
  name: string,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw translated(name, error);
  });
  // A connection that breaks between two statements tells nobody but this event; the next statement then fails.
  const broken = (): void => undefined;
  client.on('error', broken);
  let keep = false;
  try {
    const result = await work(new Transaction(client));
    keep = true;
    return result;
  } catch (error) {
    throw translated(name, error);
  } finally {
    // a closed one goes on reporting its end after the release
    if (keep) client.off('error', broken);
    client.release(!keep);
  }
}

/** A single statement in a transaction of its own. */
export async function runAlone<Row extends QueryResultRow>(
  pool: Pool,
  statement: Statement,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  try {
    const { rows } = await pool.query<Row>({ ...statement, values: [...values] });
    return rows;
  } catch (error) {
    throw translated(statement.name, error);
  }
}
