// Asks HAProxy which answers failed: the table of failed ones every time, which holds nothing while all is well, and the counters of
// services that it names or that are looked at closely. All counters are asked for with the traffic anyway (generation).
import type { RouteTable } from '#libs/routing';
import type { Clock } from '#libs/time';
import { serviceNameOf } from './config-text.js';
import { Look, type Ejections } from './ejections.js';
import { failuresIn, SHOW_FAILURES } from './failure-counter.js';
import type { Ask, Generation } from './generation.js';
import { batchesOf } from './runtime-socket.js';
import { statRows, type StatRow } from './traffic-counter.js';

export interface FailureLooksOptions {
  readonly clock: Clock;
  readonly ask: Ask;
  readonly ejections: Ejections;
}

export class FailureLooks {
  readonly #options: FailureLooksOptions;

  constructor(options: FailureLooksOptions) {
    this.#options = options;
  }

  /** At services that are to be looked at closely. Resolves with those of which others are left out than HAProxy was told. */
  async close(generations: readonly Generation[], table: RouteTable): Promise<string[]> {
    const look = new Look();
    const named = await this.#begin(generations);
    const active = this.#options.ejections.active();
    for (const [generation, failing] of named) {
      const asked = [...generation.slots.keys()].filter(
        (each) => failing.has(each) || active.has(serviceNameOf(each)),
      );
      for (const batch of batchesOf(asked.map((each) => `show stat ${each} 4 -1`)))
        this.#take(
          look,
          generation,
          statRows((await this.#ask(generation, batch)) ?? ''),
          generation === generations.at(-1),
        );
    }
    return this.#end(look, generations, table, false);
  }

  /** At all of them, with rows that `measure` asks for. */
  async all(
    generations: readonly Generation[],
    table: RouteTable,
    measure: (onRows: (generation: Generation, rows: readonly StatRow[]) => void) => Promise<void>,
  ): Promise<string[]> {
    const look = new Look();
    await this.#begin(generations);
    await measure((generation, rows) =>
      this.#take(look, generation, rows, generation === generations.at(-1)),
    );
    return this.#end(look, generations, table, true);
  }

  /** Undefined: it does not answer, as one that has finished. That is told by those who need it to. */
  #ask({ worker }: Generation, commands: readonly string[]): Promise<string | undefined> {
    return this.#options.ask(worker, commands).catch(() => undefined);
  }

  async #begin(generations: readonly Generation[]): Promise<Map<Generation, ReadonlySet<string>>> {
    const named = new Map<Generation, ReadonlySet<string>>();
    for (const generation of generations) {
      const answer = await this.#ask(generation, SHOW_FAILURES);
      named.set(generation, generation.failures.begin(answer === undefined ? undefined : failuresIn(answer)));
    }
    return named;
  }

  #take(look: Look, { slots, failures }: Generation, rows: readonly StatRow[], isNewest: boolean): void {
    const now = this.#options.clock.now();
    for (const text of rows) {
      const [backend, server] = [text('pxname'), text('svname')];
      const task = slots.get(backend)?.taskAt(server);
      if (task === undefined) continue;
      const service = serviceNameOf(backend);
      const grown = failures.grown(backend, server, text, now);
      if (grown) look.add(service, task, grown);
      if (isNewest) look.stands(service, task, text('status').startsWith('DOWN'));
    }
  }

  #end(look: Look, generations: readonly Generation[], table: RouteTable, wasAtAll: boolean): string[] {
    const { ejections, clock } = this.#options;
    const changed = ejections.judge(look, table);
    const active = ejections.active();
    for (const { failures } of generations)
      failures.end(clock.now(), wasAtAll, (backend) => active.has(serviceNameOf(backend)));
    return changed;
  }
}
