// Table of contents: a PostgreSQL of our own, from the binaries in node_modules.
export { EmbeddedPostgres } from './embedded-postgres.js';
export type { EmbeddedPostgresOptions } from './embedded-postgres.js';
export type { AccountKind } from './account.js';
