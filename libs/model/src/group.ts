// A group: a node in the tree of ids. Its apps and sub-groups are not listed in it, for their ids say where they belong.
import type { AppId, Timestamp } from './ids.js';

/** Absolute id of a group; groups and apps share one name space. The root is `/`. */
export type GroupId = AppId;

export interface Group {
  readonly id: GroupId;
  /** Absolute ids of groups and apps; every app below depends on all of them (behaviour.md 2). Unknown ones are allowed. */
  readonly dependencies: readonly AppId[];
  /** Of the last change at or below it. */
  readonly version: Timestamp;
  /** Top-level groups only (app.md C): the group's name is the default role of apps below. */
  readonly enforceRole: boolean;
  /** Counts every write of this row; guards a commit. */
  readonly revision: number;
}
