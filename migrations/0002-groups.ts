// breaking: groups as rows of their own (until now they followed from the ids of apps). Every group above an app gets its row, so
// that nothing changes for readers; a process of the release before would add apps without their groups, so it has to stop.
import { ReviewedMigration } from './reviewed-migration.js';

export class Groups extends ReviewedMigration {
  readonly number = 2;
  readonly name = 'Groups1763830000000';
  readonly compatibility = 'breaking';
  readonly statements = [
    `create table groups (
       id text primary key,
       revision bigint not null,
       document json not null
     )`,
    `insert into groups (id, revision, document)
       select above.id, 1, json_build_object(
         'id', above.id,
         'dependencies', json_build_array(),
         'version', max(apps.current_version),
         'enforceRole', false,
         'revision', 1)
       from apps,
         string_to_array(trim(leading '/' from apps.id), '/') as segments,
         generate_series(0, cardinality(segments) - 1) as depth,
         concat('/', array_to_string(segments[1:depth], '/')) as above (id)
       group by above.id`,
  ];
}
