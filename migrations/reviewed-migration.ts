// What every migration of ours is: hand-written SQL, run in one transaction, that says whether a process of the release before can
// work with its result. That word is stored with it (table schema_changes), so an older process can refuse a schema it never heard of.
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `compatible`: the release before works on the changed schema. `breaking`: it does not, and refuses to run. */
export type Compatibility = 'compatible' | 'breaking';

export abstract class ReviewedMigration implements MigrationInterface {
  /** Place in the list, from 1; also the first part of the file name. */
  abstract readonly number: number;
  /** TypeORM orders by the 13 digits at its end: epoch ms. Never changes once released. */
  abstract readonly name: string;
  abstract readonly compatibility: Compatibility;
  /** One statement each, in order. */
  abstract readonly statements: readonly string[];

  async up(queryRunner: QueryRunner): Promise<void> {
    // A leader of the release before may be at work: it is fenced from here on, and refuses the schema when it loads again.
    // First, because its commits lock this row first too.
    const fences = this.compatibility === 'breaking' && this.number > 1;
    if (fences) await queryRunner.query(`update leader set until = '-infinity'`);
    for (const statement of this.statements) await queryRunner.query(statement);
    await queryRunner.query('insert into schema_changes (number, name, compatibility) values ($1, $2, $3)', [
      this.number,
      this.name,
      this.compatibility,
    ]);
  }

  /** There is no way back: what was acknowledged stays (promise 8). Restore a backup instead. */
  async down(): Promise<void> {
    throw new Error(`migration ${this.name} has no way back: restore a backup from before it`);
  }
}
