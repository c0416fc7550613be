// An index from a key to the ids that have it: instances by app, by agent, deployments by app.

export class GroupIndex<Key, Id> {
  readonly #groups = new Map<Key, Set<Id>>();

  add(key: Key, id: Id): void {
    const group = this.#groups.get(key);
    if (group) group.add(id);
    else this.#groups.set(key, new Set([id]));
  }

  remove(key: Key, id: Id): void {
    const group = this.#groups.get(key);
    group?.delete(id);
    if (group?.size === 0) this.#groups.delete(key);
  }

  copy(): GroupIndex<Key, Id> {
    const copy = new GroupIndex<Key, Id>();
    for (const [key, group] of this.#groups) copy.#groups.set(key, new Set(group));
    return copy;
  }

  of(key: Key): ReadonlySet<Id> {
    return this.#groups.get(key) ?? new Set();
  }
}
