// What exists on a running server at the moment, for requests that name it: `@app3@` becomes the id of one of its apps.
import type { ControlPlaneProcess } from './control-plane-process.js';

/** Asked again after so many requests. */
const REFRESH_EVERY = 20;

export class KnownThings {
  #things: Readonly<Record<string, readonly string[]>> = {};
  #age = REFRESH_EVERY;

  constructor(private readonly server: ControlPlaneProcess) {}

  async refresh(): Promise<void> {
    this.#age += 1;
    if (this.#age < REFRESH_EVERY) return;
    this.#age = 0;
    const read = async (path: string): Promise<unknown> => (await this.server.send('GET', path)).body;
    const { apps } = (await read('/v2/apps')) as { apps: { id: string; version: string }[] };
    const { tasks } = (await read('/v2/tasks')) as { tasks: { id: string }[] };
    const { instances } = (await read('/v3/instances')) as { instances: { id: string }[] };
    const deployments = (await read('/v2/deployments')) as { id: string; version: string }[];
    const { groups } = (await read('/v2/groups')) as { groups: { id: string; version: string }[] };
    const idsOf = (all: readonly { id: string }[]): string[] => all.map(({ id }) => id);
    this.#things = {
      app: idsOf(apps).map((id) => id.slice(1)),
      group: idsOf(groups).map((id) => id.slice(1)),
      task: idsOf(tasks),
      instance: idsOf(instances),
      deployment: idsOf(deployments),
      version: [...apps, ...groups, ...deployments].map(({ version }) => version),
    };
  }

  /** `as`: how a thing is written where it stands. */
  fill(text: string, as: (thing: string) => string = (thing) => thing): string {
    return text.replaceAll(/@([a-z]+)(\d+)@/g, (_, kind: string, at: string) => {
      const all = this.#things[kind] ?? [];
      return as(all[Number(at) % Math.max(1, all.length)] ?? `no-${kind}`);
    });
  }
}
