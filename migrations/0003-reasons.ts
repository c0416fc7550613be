// compatible: the causes of what happened to instances, kept after the instances are gone. A process of the release before goes on
// without writing any.
import { ReviewedMigration } from './reviewed-migration.js';

export class Reasons extends ReviewedMigration {
  readonly number = 3;
  readonly name = 'Reasons1763900000000';
  readonly compatibility = 'compatible';
  readonly statements = [
    // number: in commit order, for commits are serial; gaps are allowed. task_id: only where a task is told of for the first time.
    `create table reasons (
       number bigint generated always as identity,
       instance_id text not null,
       app_id text not null,
       task_id text,
       at bigint not null,
       document json not null,
       primary key (instance_id, number)
     )`,
    `create index reasons_by_app on reasons (app_id, number)`,
    `create index reasons_by_task on reasons (task_id) where task_id is not null`,
    // at: epoch ms, which grows with the place in the table
    `create index reasons_by_age on reasons using brin (at)`,
  ];
}
