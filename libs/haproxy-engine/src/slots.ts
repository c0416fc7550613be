// The places for targets in one backend. HAProxy cannot get new servers that keep sticky cookies, limits and PROXY headers while it
// runs, but it can give a place another address: so each backend has some to spare. A place is given to another task only after nothing
// is in flight to the one before. A service that prefers the proxy's own zone has two kinds of places: those in reserve are `backup`.
import type { RouteTarget, RouteService } from '#libs/routing';
import { keepsReserve, standingsOf, type Preference, type Standing } from './target-weights.js';

type TaskId = RouteTarget['taskId'];

interface Slot {
  readonly name: string;
  readonly isReserve: boolean;
  task?: TaskId;
  /** Who had it before. */
  last?: TaskId;
  address?: string;
  weight: number;
  /** It has left the table; what is in flight goes on. */
  leaving: boolean;
  /** Left out for failing, until it is brought back. */
  resting: boolean;
}

/** Commands for the runtime API. `open` is to be given before `close`, so that at no moment nobody is there. */
export interface SlotChange {
  readonly open: readonly string[];
  readonly close: readonly string[];
  /** No place was free for some target: only a reload makes room, and it comes before `close`. */
  readonly full: boolean;
  /** Places that were taken out for failing. */
  readonly rested: readonly string[];
  /** Tasks by the place that they got now. */
  readonly given: ReadonlyMap<string, TaskId>;
}

const SPARE_MIN = 4;
/** Of places without a task, so that most newcomers need not be given another. */
const SPARE_WEIGHT = 1;
const NO_STANDING: Standing = { weight: 0, isReserve: false };
const NOBODY: ReadonlySet<TaskId> = new Set();
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

/** A backend, and whom it is for. */
export interface PlacesFor {
  readonly backend: string;
  readonly preference: Preference;
  readonly service: RouteService;
}

export class Slots {
  readonly #slots: Slot[];

  readonly #preference: Preference;

  private constructor(
    readonly backend: string,
    preference: Preference,
    slots: Slot[],
  ) {
    this.#preference = preference;
    this.#slots = slots;
  }

  /**
   * Places as they are in a worker that was started by somebody before us. What has an address and no task of ours has left; who had
   * left before is known by `left`, by place.
   */
  static seen(
    { backend, preference, service }: PlacesFor,
    servers: readonly SeenServer[],
    left: ReadonlyMap<string, TaskId>,
  ): Slots {
    const tasks = new Map(service.targets.map((target) => [addressOf(target), target.taskId]));
    const slots = servers.map(({ name, address, weight, isOut }): Slot => {
      const routed = isOut ? undefined : tasks.get(address ?? '');
      const task = address === undefined ? undefined : (routed ?? left.get(name) ?? UNKNOWN);
      return {
        name,
        isReserve: name.startsWith(RESERVE_NAME),
        weight,
        leaving: isOut && task !== undefined,
        resting: false,
        ...(task === undefined ? {} : { task }),
        ...(address === undefined ? {} : { address }),
      };
    });
    return new Slots(backend, preference, slots);
  }

  /** For a configuration to be written. `out`: who is left out for failing. */
  static planned({ backend, preference, service }: PlacesFor, out = NOBODY): Slots {
    const standings = standingsOf(service, preference, out);
    const [usual, reserve] = [false, true].map((isReserve) =>
      service.targets.filter(({ taskId }) => standings.get(taskId)?.isReserve === isReserve),
    ) as [RouteTarget[], RouteTarget[]];
    const slots = [
      ...placesFor(usual, standings, false),
      ...(keepsReserve(service, preference) ? placesFor(reserve, standings, true) : []),
    ];
    for (const slot of slots) slot.resting = slot.task !== undefined && out.has(slot.task);
    return new Slots(backend, preference, slots);
  }

  /** `server` lines of the configuration. */
  lines(options: string): string[] {
    return this.#slots.map(({ name, address, weight, isReserve, resting }) => {
      const more = `${resting ? 'disabled ' : ''}${isReserve ? 'backup ' : ''}${options}`;
      return address === undefined
        ? `server ${name} 0.0.0.0:1 weight ${weight} disabled ${more}`.trimEnd()
        : `server ${name} ${address} weight ${weight} ${more}`.trimEnd();
    });
  }

  /** To these targets, of whom some are left out for failing. */
  change(service: RouteService, out = NOBODY): SlotChange {
    const standings = standingsOf(service, this.#preference, out);
    const standingOf = (task: TaskId): Standing => standings.get(task) ?? NO_STANDING;
    const wanted = new Map(service.targets.map((target) => [target.taskId, target]));
    const [open, close, rested]: [string[], string[], string[]] = [[], [], []];
    const held = new Set<TaskId>();
    for (const slot of this.#slots) {
      if (slot.task === undefined || slot.leaving) continue;
      const target = wanted.get(slot.task);
      const { weight, isReserve } = standingOf(slot.task);
      // one without a weight gets nothing wherever it is
      const fits = slot.isReserve === isReserve || weight === 0;
      if (target && fits && addressOf(target) === slot.address) {
        held.add(slot.task);
        this.#rest(slot, out.has(slot.task), { weight, open, close, rested });
      } else this.#close(slot, close);
    }
    let full = false;
    const given = new Map<string, TaskId>();
    for (const target of service.targets) {
      if (held.has(target.taskId)) continue;
      const { weight, isReserve } = standingOf(target.taskId);
      const slot = this.#slots.find((each) => each.task === undefined && each.isReserve === isReserve);
      if (slot) {
        open.push(...this.#open(slot, target, weight));
        if (out.has(target.taskId)) this.#rest(slot, true, { weight, open, close, rested });
        given.set(slot.name, target.taskId);
      } else full = true;
    }
    return { open, close, full, rested, given };
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

  /** Maintenance, for a weight of 0 would leave it its sessions. */
  #rest(slot: Slot, rests: boolean, { weight, open, close, rested }: Steps): void {
    if (!rests) this.#reweigh(slot, weight, open);
    if (slot.resting === rests) return;
    slot.resting = rests;
    if (rests) {
      rested.push(slot.name);
      close.push(`set server ${this.backend}/${slot.name} state maint`);
    } else open.push(`set server ${this.backend}/${slot.name} state ready`);
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

interface Steps {
  readonly weight: number;
  readonly open: string[];
  readonly close: string[];
  readonly rested: string[];
}

const RESERVE_NAME = 'r';

/** With some to spare. */
function placesFor(
  targets: readonly RouteTarget[],
  standings: ReadonlyMap<TaskId, Standing>,
  isReserve: boolean,
): Slot[] {
  const count = targets.length + Math.max(SPARE_MIN, Math.ceil(targets.length / 2));
  return Array.from({ length: count }, (_, at) => {
    const name = `${isReserve ? RESERVE_NAME : 's'}${at + 1}`;
    const slot: Slot = { name, isReserve, weight: SPARE_WEIGHT, leaving: false, resting: false };
    const target = targets[at];
    if (target) fill(slot, target, standings.get(target.taskId)?.weight ?? 0);
    return slot;
  });
}

function fill(slot: Slot, target: RouteTarget, weight: number): void {
  slot.task = target.taskId;
  slot.address = addressOf(target);
  slot.weight = weight;
  slot.leaving = false;
  slot.resting = false;
}

const addressOf = ({ host, port }: RouteTarget): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;
