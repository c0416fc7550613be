// Promise 9: every start, stop, move and route change is stored with its reason, in the same commit.
import type { Instance } from '#libs/model';
import { broken, type Watcher } from './watch.js';

/** What a person would ask about. */
const asked = ({ goal, placed, agentId, taskId, routing, stop }: Instance): string =>
  JSON.stringify([goal, placed, agentId, taskId, routing, stop?.phase, stop?.then]);

export function everythingHasAReason(): Watcher {
  return {
    rule: 'everything-has-a-reason',
    committed({ commit, by, touched }) {
      const told = new Set<string>();
      for (const write of commit.writes) if (write.kind === 'add-reason') told.add(write.reason.instanceId);
      for (const { before, after } of touched.instances) {
        const row = after ?? before;
        const isSame = before && after && asked(before) === asked(after);
        if (!row || isSame || told.has(row.id)) continue;
        broken(
          'everything-has-a-reason',
          `${by} changed ${row.id} without a reason: ${before ? asked(before) : 'none'} -> ${after ? asked(after) : 'none'}`,
        );
      }
    },
  };
}
