// The places for targets in one backend. HAProxy cannot get new servers that keep sticky cookies, limits and PROXY headers while it
// runs, but it can give a place another address: so each backend has some to spare. A place is given to another task only after nothing
// is in flight to the one before.
import type { RouteTarget, RouteService } from '#libs/routing';
import { weightsOf } from './target-weights.js';

type TaskId = RouteTarget['taskId'];

interface Slot {
  readonly name: string;
  task?: TaskId;
  /** Who had it before. */
  last?: TaskId;
  address?: string;
  weight: number;
  /** It has left the table; what is in flight goes on. */
  leaving: boolean;
}

/** Commands for the runtime API. `open` is to be given before `close`, so that at no moment nobody is there. */
export interface SlotChange {
  readonly open: readonly string[];
  readonly close: readonly string[];
  /** No place was free for some target: only a reload makes room, and it comes before `close`. */
  readonly full: boolean;
  /** Tasks by the place that they got now. */
  readonly given: ReadonlyMap<string, TaskId>;
}

const SPARE_MIN = 4;
/** Of places without a task, so that most newcomers need not be given another. */
const SPARE_WEIGHT = 1;
/** A task that an earlier table had. */
const UNKNOWN = 'unknown' as TaskId;

/** A place as a running HAProxy tells of it. */
export interface SeenServer {
  readonly name: string;
  /** `10.0.0.1:31001`; undefined: never used. */
  readonly address: string | undefined;
  /** Taken out by an earlier run of ours; something may still be in flight. */
  readonly isOut: boolean;
  readonly weight: number;
}

export class Slots {
  readonly #slots: Slot[];

  private constructor(
    readonly backend: string,
    slots: Slot[],
  ) {
    this.#slots = slots;
  }

  /**
   * Places as they are in a worker that was started by somebody before us. What has an address and no task of ours has left; who had
   * left before is known by `left`, by place.
   */
  static seen(
    backend: string,
    servers: readonly SeenServer[],
    service: RouteService,
    left: ReadonlyMap<string, TaskId>,
  ): Slots {
    const tasks = new Map(service.targets.map((target) => [addressOf(target), target.taskId]));
    const slots = servers.map(({ name, address, weight, isOut }): Slot => {
      const routed = isOut ? undefined : tasks.get(address ?? '');
      const task = address === undefined ? undefined : (routed ?? left.get(name) ?? UNKNOWN);
      return {
        name,
        weight,
        leaving: isOut && task !== undefined,
        ...(task === undefined ? {} : { task }),
        ...(address === undefined ? {} : { address }),
      };
    });
    return new Slots(backend, slots);
  }

  /** For a configuration to be written. */
  static planned(backend: string, service: RouteService): Slots {
    const count = service.targets.length + Math.max(SPARE_MIN, Math.ceil(service.targets.length / 2));
    const slots = Array.from({ length: count }, (_, at): Slot => ({
      name: `s${at + 1}`,
      weight: SPARE_WEIGHT,
      leaving: false,
    }));
    const weights = weightsOf(service);
    service.targets.forEach((target, at) => {
      const slot = slots[at];
      if (slot) fill(slot, target, weights.get(target.taskId) ?? 0);
    });
    return new Slots(backend, slots);
  }

  /** `server` lines of the configuration. */
  lines(options: string): string[] {
    return this.#slots.map(({ name, address, weight }) =>
      address === undefined
        ? `server ${name} 0.0.0.0:1 weight ${weight} disabled ${options}`.trimEnd()
        : `server ${name} ${address} weight ${weight} ${options}`.trimEnd(),
    );
  }

  /** To these targets. */
  change(service: RouteService): SlotChange {
    const weights = weightsOf(service);
    const wanted = new Map(service.targets.map((target) => [target.taskId, target]));
    const open: string[] = [];
    const close: string[] = [];
    const held = new Set<TaskId>();
    for (const slot of this.#slots) {
      if (slot.task === undefined || slot.leaving) continue;
      const target = wanted.get(slot.task);
      if (target && addressOf(target) === slot.address) {
        held.add(slot.task);
        this.#reweigh(slot, weights.get(slot.task) ?? 0, open);
      } else this.#close(slot, close);
    }
    let full = false;
    const given = new Map<string, TaskId>();
    for (const target of service.targets) {
      if (held.has(target.taskId)) continue;
      const slot = this.#slots.find(({ task }) => task === undefined);
      if (slot) {
        open.push(...this.#open(slot, target, weights.get(target.taskId) ?? 0));
        given.set(slot.name, target.taskId);
      } else full = true;
    }
    return { open, close, full, given };
  }

  /** Of the tasks that have left: how much is in flight, by the numbers of HAProxy. Those with nothing give their place back. */
  settle(used: ReadonlyMap<string, number>): Map<TaskId, number> {
    const counts = new Map<TaskId, number>();
    for (const slot of this.#slots) {
      if (!slot.leaving || slot.task === undefined) continue;
      const count = used.get(slot.name) ?? 0;
      counts.set(slot.task, (counts.get(slot.task) ?? 0) + count);
      if (count > 0) continue;
      slot.last = slot.task;
      delete slot.task;
      delete slot.address;
      slot.leaving = false;
    }
    return counts;
  }

  /** Whose place it is, or was until it was given back. */
  taskAt(server: string): TaskId | undefined {
    const slot = this.#slots.find(({ name }) => name === server);
    return slot?.task ?? slot?.last;
  }

  get hasLeaving(): boolean {
    return this.#slots.some(({ leaving }) => leaving);
  }

  /** Who has a place of each name, for a later run of ours. */
  places(): Map<string, TaskId> {
    return new Map(this.#slots.flatMap(({ name, task }) => (task === undefined ? [] : [[name, task]])));
  }

  /** Tasks that have left and were not settled yet. */
  leaving(): TaskId[] {
    return this.#slots.flatMap(({ leaving, task }) => (leaving && task !== undefined ? [task] : []));
  }

  #open(slot: Slot, target: RouteTarget, weight: number): string[] {
    const at = `${this.backend}/${slot.name}`;
    const commands = [`set server ${at} addr ${target.host} port ${target.port}`];
    this.#reweigh(slot, weight, commands);
    fill(slot, target, weight);
    commands.push(`set server ${at} state ready`);
    return commands;
  }

  #close(slot: Slot, commands: string[]): void {
    slot.leaving = true;
    commands.push(`set server ${this.backend}/${slot.name} state maint`);
  }

  #reweigh(slot: Slot, weight: number, commands: string[]): void {
    if (slot.weight === weight) return;
    slot.weight = weight;
    commands.push(`set server ${this.backend}/${slot.name} weight ${weight}`);
  }
}

function fill(slot: Slot, target: RouteTarget, weight: number): void {
  slot.task = target.taskId;
  slot.address = addressOf(target);
  slot.weight = weight;
  slot.leaving = false;
}

const addressOf = ({ host, port }: RouteTarget): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
