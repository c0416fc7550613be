// All migrations, oldest first, listed by hand: no glob decides what runs on a production database.
import { Initial } from './0001-initial.js';
import { Groups } from './0002-groups.js';
import { Reasons } from './0003-reasons.js';
import type { ReviewedMigration } from './reviewed-migration.js';

export { ReviewedMigration } from './reviewed-migration.js';
export type { Compatibility } from './reviewed-migration.js';
export const MIGRATIONS: readonly (new () => ReviewedMigration)[] = [Initial, Groups, Reasons];
