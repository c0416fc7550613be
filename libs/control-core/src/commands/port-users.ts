// Which apps hold which service ports, counted once per command: a call with thousands of apps asks for each of them.
import { portsOf, type App, type AppId, type AppSpec } from '#libs/model';

export class PortUsers {
  readonly #users = new Map<number, Set<AppId>>();

  constructor(apps: Iterable<App>) {
    for (const { current } of apps) this.add(current.spec);
  }

  add(spec: AppSpec): void {
    for (const { servicePort } of portsOf(spec)) {
      const users = this.#users.get(servicePort);
      if (users) users.add(spec.id);
      else this.#users.set(servicePort, new Set([spec.id]));
    }
  }

  /** True when another app than this one has it, or was just given it. */
  isTakenByOthers(port: number, app: AppId): boolean {
    const users = this.#users.get(port);
    return users !== undefined && (users.size > 1 || !users.has(app));
  }
}
