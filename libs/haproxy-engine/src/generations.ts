// All workers of HAProxy that something may go through: the one that takes new connections, and old ones that finish after a reload, whose
// kept connections go on bringing requests. What changes is told to each of them, who left until it is done; and who has which place is
// kept on disk, for the next run of ours.
import type { TaskId } from '#libs/model';
import type { RouteService } from '#libs/routing';
import type { Clock } from '#libs/time';
import { isPinBackend, nameOf, pinBackendOf, serviceNameOf } from './config-text.js';
import type { Ejections } from './ejections.js';
import { placeOf } from './failure-counter.js';
import { generationOf, hasLeaving, leavingOf, placesOf, settle, type Generation } from './generation.js';
import { refusalsIn, saysGone, serversOf } from './haproxy-answers.js';
import type { HaproxyProcess } from './haproxy-process.js';
import type { Layout } from './layout.js';
import { pinnedVersions } from './pins.js';
import type { GivenPlace, PlaceJournal } from './place-journal.js';
import { batchesOf } from './runtime-socket.js';
import { Slots, type PlacesFor, type SlotChange } from './slots.js';

export interface GenerationsParts {
  readonly clock: Clock;
  readonly process: Pick<HaproxyProcess, 'command' | 'isMute' | 'workers'>;
  readonly journal: PlaceJournal;
  /** Who is left out for failing. */
  readonly ejections: Ejections;
  /** False: there is nobody to tell anything any more. */
  readonly isServing: () => boolean;
  /** Something could not be told; undefined: all was. */
  readonly onProblem: (text: string | undefined) => void;
  /** Where this host stands. */
  readonly zone?: string;
}

/** What is not carried out is tried again after. */
const AGAIN_MS = 500;
/** The journal of places is written anew after so many. */
const JOURNAL_LINES_MAX = 50_000;

/** By name. */
type Wanted = ReadonlyMap<string, { readonly service: RouteService; readonly out: ReadonlySet<TaskId> }>;

export interface Opened {
  /** Somebody has no place, or may not have been announced: only a new configuration is sure to have all. */
  readonly needsReload: boolean;
  /** Takes out what left; resolves when no worker gives it anything new. */
  readonly close: () => Promise<void>;
}

export class Generations {
  readonly #parts: GenerationsParts;
  /** The one that takes new connections is the last. */
  #all: Generation[] = [];
  #journalLines = 0;

  constructor(parts: GenerationsParts) {
    this.#parts = parts;
  }

  get all(): readonly Generation[] {
    return this.#all;
  }

  /** The one that takes new connections. */
  get newest(): Generation | undefined {
    return this.#all.at(-1);
  }

  get hasLeaving(): boolean {
    return this.#all.some(hasLeaving);
  }

  taskAt(worker: number, backend: string, server: string): TaskId | undefined {
    const generation = this.#all.find((each) => each.worker === worker);
    return generation?.slots.get(backend)?.taskAt(server);
  }

  /** Places for a configuration to be written, by backend. */
  plan({ backends }: Layout): Map<string, Slots> {
    const { ejections } = this.#parts;
    return new Map(
      backends.map(({ name, service }) => {
        const out = ejections.outOf(service);
        ejections.told(service, out);
        return [name, Slots.planned(this.#placesFor(name, service), out)];
      }),
    );
  }

  /** It takes new connections from now on. */
  add(worker: number, slots: ReadonlyMap<string, Slots>): void {
    this.#all = [...this.#all, generationOf(worker, slots)];
    this.#rememberAll();
  }

  /** All of them have ended. */
  clear(): void {
    this.#all = [];
  }

  /** In all of them newcomers are there before others leave. */
  async open(services: readonly RouteService[]): Promise<Opened> {
    const current = this.newest;
    const closing: [Generation, readonly string[]][] = [];
    let needsReload = false;
    const wanted = this.#wants(services);
    for (const generation of [...this.#all]) {
      const { open, close, full } = this.#arrange(generation, wanted);
      closing.push([generation, close]);
      // the others must hear of theirs all the same
      const isTold = await this.#announce(generation, open);
      if (generation === current && (full || !isTold)) needsReload = true;
    }
    return {
      needsReload,
      close: async () => {
        for (const [generation, commands] of closing) await this.#insist(generation, commands);
      },
    };
  }

  /** Of these services others are left out than before. True: somebody has no place, and only a new configuration makes room. */
  async rearrange(services: readonly RouteService[]): Promise<boolean> {
    const wanted = this.#wants(services);
    let isFull = false;
    for (const generation of [...this.#all]) {
      const { open, close, full } = this.#arrange(generation, wanted, true);
      isFull ||= full;
      await this.#insist(generation, open);
      await this.#insist(generation, close);
    }
    return isFull;
  }

  /** Workers that we did not see come up, of an earlier run of ours for example, with their places by their addresses. */
  async adopt(table: readonly RouteService[]): Promise<void> {
    const { process, journal } = this.#parts;
    const services = new Map(table.map((service) => [nameOf(service), service]));
    const { current, old } = await process.workers();
    const found: Generation[] = [];
    const left = journal.read();
    for (const worker of [...old, ...(current === undefined ? [] : [current])]) {
      const known = this.#all.find((each) => each.worker === worker);
      if (known) {
        found.push(known);
        continue;
      }
      const seen = serversOf(await process.command(worker, ['show servers state']));
      const slots = [...seen].map(([backend, servers]) => {
        const places = this.#placesFor(backend, services.get(serviceNameOf(backend)) ?? NOBODY);
        return [backend, Slots.seen(places, servers, left(worker, backend))] as const;
      });
      found.push(generationOf(worker, new Map(slots)));
    }
    this.#all = found;
  }

  /** What is in flight to tasks that have left, 0 included: those give their places back. */
  async count(): Promise<Map<TaskId, number>> {
    const { process } = this.#parts;
    const { current, old } = await process.workers();
    const alive = new Set([current, ...old]);
    const gone = this.#all.filter(({ worker }) => !alive.has(worker));
    this.#all = this.#all.filter(({ worker }) => alive.has(worker));
    const counts = await settle(this.#all, (worker, commands) => process.command(worker, commands));
    for (const task of gone.flatMap(leavingOf)) if (!counts.has(task)) counts.set(task, 0);
    return counts;
  }

  #wants(services: readonly RouteService[]): Wanted {
    return new Map(
      services.map((service) => [nameOf(service), { service, out: this.#parts.ejections.outOf(service) }]),
    );
  }

  /** What it is to be told. `isPart`: only those are arranged anew; else what is not among them counts as one without targets. */
  #arrange(
    generation: Generation,
    wanted: Wanted,
    isPart = false,
  ): Pick<SlotChange, 'open' | 'close' | 'full'> {
    const changes = [...generation.slots].flatMap(([backend, slots]) => {
      const found = wanted.get(serviceNameOf(backend));
      if (!found && isPart) return [];
      return [{ backend, ...slots.change(found?.service ?? NOBODY, found?.out) }];
    });
    const given = changes.flatMap(({ backend, given }) =>
      [...given].map(([place, task]) => ({ worker: generation.worker, backend, place, task })),
    );
    for (const { backend, rested } of changes)
      for (const place of rested) generation.traffic.rested(backend, place);
    for (const { backend, place } of given) generation.failures.given(placeOf(backend, place));
    this.#remember(given);
    for (const { service, out } of wanted.values()) this.#parts.ejections.told(service, out);
    return {
      open: changes.flatMap(({ open }) => open),
      close: changes.flatMap(({ close }) => close),
      full: changes.some(({ full }) => full),
    };
  }

  /** On disk, before any of them can get a request. */
  #remember(places: readonly GivenPlace[]): void {
    this.#journalLines += places.length;
    if (this.#journalLines > JOURNAL_LINES_MAX) this.#rememberAll();
    else this.#parts.journal.append(places);
  }

  #rememberAll(): void {
    const places = this.#all.flatMap(placesOf);
    this.#journalLines = places.length > JOURNAL_LINES_MAX / 2 ? 0 : places.length;
    this.#parts.journal.rewrite(places);
  }

  #placesFor(backend: string, service: RouteService): PlacesFor {
    const { zone } = this.#parts;
    const pinned = pinnedVersions(service).find((each) => pinBackendOf(service, each) === backend);
    // one of an earlier table: nobody has that version, and its requests go the usual way
    const version = pinned ?? (isPinBackend(backend) ? '' : undefined);
    return {
      backend,
      service,
      preference: {
        ...(zone === undefined ? {} : { zone }),
        ...(version === undefined ? {} : { version }),
      },
    };
  }

  /** False: it may not have all of them. */
  #announce(generation: Generation, commands: readonly string[]): Promise<boolean> {
    return this.#tell(generation, commands).then(
      () => {
        if (commands.length > 0) this.#parts.onProblem(undefined);
        return true;
      },
      (error: unknown) => {
        this.#parts.onProblem(`HAProxy could not be told of newcomers: ${String(error)}`);
        return false;
      },
    );
  }

  /** Until it is done, or there is nobody to tell: a swap that is not carried out must not be confirmed. Rejects when only a reload would help. */
  async #insist(generation: Generation, commands: readonly string[]): Promise<void> {
    const { clock, isServing, onProblem, process } = this.#parts;
    while (commands.length > 0 && isServing()) {
      try {
        await this.#tell(generation, commands, true);
        return onProblem(undefined);
      } catch (error) {
        onProblem(
          `HAProxy could not be told who has left: ${error instanceof Error ? error.message : String(error)}`,
        );
        if (process.isMute) throw error;
        await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
      }
    }
  }

  /** Closing: a place that is not there gets nothing, which is all that is wanted. */
  async #tell(generation: Generation, commands: readonly string[], isClosing = false): Promise<void> {
    const { process } = this.#parts;
    for (const batch of batchesOf(commands)) {
      try {
        const answer = await process.command(generation.worker, batch);
        const refusal = refusalsIn(answer).find((each) => !(isClosing && saysGone(each)));
        if (refusal !== undefined) throw new Error(`it refuses a command: ${refusal}`);
      } catch (error) {
        const { current, old } = await process.workers();
        // one that has finished takes nothing any more
        if (current !== generation.worker && !old.includes(generation.worker)) {
          this.#all = this.#all.filter((each) => each !== generation);
          return;
        }
        throw error;
      }
    }
  }
}

/** Stands for a service that has left the table: no targets. */
const NOBODY = { appId: '/', portIndex: 0, targets: [] } as unknown as RouteService;
