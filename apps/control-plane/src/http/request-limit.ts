// How many calls may be under way at once (api.md 1.1; no limit unless configured). What is held open by design does not count, and
// neither does what keeps the cluster alive: agents, proxies and the sign of life are never turned away.
import type { ServerResponse } from 'node:http';
import { failures } from '#libs/api-contract';

const FREE = /^\/(ping|v[23]\/events|v3\/(routes|proxies|agents)(\/.*)?|v3\/(instances|tasks)\/[^/]+\/logs)$/;

export class RequestLimit {
  #underWay = 0;

  /** `max` undefined: no limit. */
  constructor(private readonly max: number | undefined) {}

  /** Counts until the answer is out or its client gone. Throws the 503. */
  enter(path: string, response: ServerResponse): void {
    if (this.max === undefined || FREE.test(path)) return;
    if (this.#underWay >= this.max) throw failures.overloaded(this.max);
    this.#underWay += 1;
    response.once('close', () => (this.#underWay -= 1));
  }
}
