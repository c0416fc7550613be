// Who was given which place in which worker, on disk: HAProxy knows addresses only, and after a kill -9 of ours the next run must tell
// the control plane by task what is still in flight, also to those that had left before. One line per place given; the last one counts.
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { RouteTarget } from '#libs/routing';

type TaskId = RouteTarget['taskId'];

export interface GivenPlace {
  readonly worker: number;
  readonly backend: string;
  readonly place: string;
  readonly task: TaskId;
}

export class PlaceJournal {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Instead of all before. A disk that takes nothing is no reason to stop: then those tasks are reported without their name. */
  rewrite(places: readonly GivenPlace[]): void {
    try {
      writeFileSync(`${this.#path}.new`, textOf(places), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      // as said above
    }
  }

  append(places: readonly GivenPlace[]): void {
    if (places.length === 0) return;
    try {
      appendFileSync(this.#path, textOf(places), { mode: 0o600 });
    } catch {
      // as said above
    }
  }

  /** Tasks by place, of one backend in one worker. */
  read(): (worker: number, backend: string) => ReadonlyMap<string, TaskId> {
    const known = new Map<string, Map<string, TaskId>>();
    for (const line of this.#lines()) {
      const place = parse(line);
      if (!place) continue;
      const key = `${place.worker} ${place.backend}`;
      const places = known.get(key) ?? new Map<string, TaskId>();
      known.set(key, places.set(place.place, place.task));
    }
    return (worker, backend) => known.get(`${worker} ${backend}`) ?? new Map<string, TaskId>();
  }

  #lines(): string[] {
    try {
      return readFileSync(this.#path, 'utf8').split('\n');
    } catch {
      // there is none
      return [];
    }
  }
}

const textOf = (places: readonly GivenPlace[]): string =>
  places.map(({ worker, backend, place, task }) => `${worker} ${backend} ${place} ${task}\n`).join('');

/** Undefined: torn, or not ours. */
function parse(line: string): GivenPlace | undefined {
  const [worker, backend, place, task, ...more] = line.split(' ');
  if (!/^\d+$/.test(worker ?? '') || !backend || !place || !task || more.length > 0) return undefined;
  return { worker: Number(worker), backend, place, task: task as TaskId };
}
