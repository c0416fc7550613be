// Table of contents: the Store on Postgres.
export { PostgresStore } from './postgres-store.js';
export type { ConnectOptions } from './postgres-store.js';
export { migrate } from './migrate.js';
export type { MigrateOptions } from './migrate.js';
export { SchemaMismatch, StoreDefect } from './errors.js';
