// Which names apps have. Two forms, both derived from the app id alone:
//   /shop/web   web.shop.longrun            the path from the inside out, in a zone of our own
//               web-shop.marathon.mesos     as Mesos-DNS made it of Marathon's task name "web.shop" (dots become dashes), also under
//                                           .slave, .agent, .containerip and .autoip, which differed only in the address given
// In both, one task has a name below or beside its app's, which is what SRV records point at.
import { fnv1a, type RouteService, type RouteTable, type RouteTarget } from '#libs/routing';

export interface ZoneNamesOptions {
  /** Lower case, without dots at the ends: `longrun`. */
  readonly zone: string;
  /** The same for the form of Mesos-DNS: `marathon.mesos`. */
  readonly marathonZone: string;
}

/** What a name stands for. */
export type Named =
  /** All services of one app, and the zone it was asked in. */
  | { readonly kind: 'app'; readonly services: readonly RouteService[]; readonly names: TaskNames }
  /** One port of an app: `_http._tcp.web.shop.longrun`. */
  | { readonly kind: 'port'; readonly services: readonly RouteService[]; readonly names: TaskNames }
  /** One task: the targets that it has, one per port. */
  | { readonly kind: 'task'; readonly targets: readonly RouteTarget[] }
  /** Nothing itself, but names below it exist: a group, or the zone (RFC 8020). */
  | { readonly kind: 'above' }
  | { readonly kind: 'nothing' }
  /** In none of our zones. */
  | { readonly kind: 'foreign' };

/** The name of one task of an app, in the zone that was asked. */
export type TaskNames = (target: RouteTarget) => string;

const VARIANTS = ['slave', 'agent', 'containerip', 'autoip'];
const LABEL_MAX = 63;
const NAME_MAX = 253;

/** Built once per table; each lookup costs the parts of one name. */
export class ZoneNames {
  readonly #zone: string;
  readonly #marathonZones: readonly string[];
  readonly #own = new Map<string, RouteService[]>();
  readonly #marathon = new Map<string, RouteService[]>();
  readonly #above = new Set<string>();

  constructor(table: RouteTable, { zone, marathonZone }: ZoneNamesOptions) {
    this.#zone = zone;
    this.#marathonZones = zonesOf(marathonZone);
    for (const service of table.services) this.#add(service);
  }

  /** `name` as asked, without its last dot; any case. */
  find(name: string): Named {
    const asked = name.toLowerCase();
    const own = below(asked, this.#zone);
    if (own !== undefined) return this.#findOwn(own);
    for (const zone of this.#marathonZones) {
      const rest = below(asked, zone);
      if (rest !== undefined) return this.#findMarathon(rest, zone);
    }
    return { kind: 'foreign' };
  }

  /** The zone that this name is in, for the SOA record. */
  zoneOf(name: string): string | undefined {
    const asked = name.toLowerCase();
    return [this.#zone, ...this.#marathonZones].find((zone) => below(asked, zone) !== undefined);
  }

  #add(service: RouteService): void {
    const parts = service.appId.slice(1).split('/');
    const own = parts.reverse().join('.');
    if (own.length <= NAME_MAX && own.split('.').every(isLabel)) {
      append(this.#own, own, service);
      for (let at = own.indexOf('.'); at >= 0; at = own.indexOf('.', at + 1))
        this.#above.add(own.slice(at + 1));
    }
    const marathon = own.replaceAll('.', '-');
    if (isLabel(marathon)) append(this.#marathon, marathon, service);
  }

  #findOwn(rest: string): Named {
    if (rest === '') return { kind: 'above' };
    const services = this.#own.get(rest);
    if (services) return { kind: 'app', services, names: this.#ownTask(rest) };
    const [first = '', ...more] = rest.split('.');
    const protocol = more[0];
    if (first.startsWith('_') && protocol === '_tcp') {
      const app = more.slice(1).join('.');
      return portOf(this.#own.get(app), first, this.#ownTask(app));
    }
    const task = taskOf(this.#own.get(more.join('.')), first);
    if (task) return task;
    return this.#above.has(rest) ? { kind: 'above' } : { kind: 'nothing' };
  }

  #findMarathon(rest: string, zone: string): Named {
    if (rest === '') return { kind: 'above' };
    const parts = rest.split('.');
    if (parts.length === 1) return this.#findMarathonTask(rest, zone);
    if (parts.at(-1) !== '_tcp' || parts.length > 3) return { kind: 'nothing' };
    // _web-shop._tcp for all ports, _http._web-shop._tcp for one
    const app = (parts.at(-2) ?? '').replace(/^_/, '');
    const services = this.#marathon.get(app);
    const names = this.#marathonTask(app, zone);
    if (parts.length === 3) return portOf(services, parts[0] ?? '', names);
    return services ? { kind: 'port', services, names } : { kind: 'nothing' };
  }

  #findMarathonTask(rest: string, zone: string): Named {
    const services = this.#marathon.get(rest);
    if (services) return { kind: 'app', services, names: this.#marathonTask(rest, zone) };
    const cut = rest.lastIndexOf('-');
    const task = cut > 0 ? taskOf(this.#marathon.get(rest.slice(0, cut)), rest.slice(cut + 1)) : undefined;
    return task ?? { kind: 'nothing' };
  }

  #ownTask(app: string): TaskNames {
    return (target) => `${keyOf(target)}.${app}.${this.#zone}`;
  }

  #marathonTask(app: string, zone: string): TaskNames {
    return (target) => `${app}-${keyOf(target)}.${zone}`;
  }
}

/** `marathon.mesos` is also asked for as `marathon.slave.mesos` and the like. */
function zonesOf(marathonZone: string): string[] {
  const cut = marathonZone.indexOf('.');
  const [framework, domain] =
    cut < 0 ? [marathonZone, ''] : [marathonZone.slice(0, cut), marathonZone.slice(cut)];
  return [...VARIANTS.map((variant) => `${framework}.${variant}${domain}`), marathonZone];
}

/** By the name of the port in the app's definition, as Mesos-DNS had it, or by its number: `_http`, `_port0`. `first` is in lower case. */
function portOf(services: readonly RouteService[] | undefined, first: string, names: TaskNames): Named {
  const called =
    services?.filter(({ portName }) => portName !== undefined && `_${portName.toLowerCase()}` === first) ??
    [];
  const index = /^_port(\d{1,4})$/.exec(first)?.[1];
  const counted = index === undefined ? [] : services?.filter((each) => each.portIndex === Number(index));
  // a port may be named like the number of another one
  const port = called.length > 0 ? called : counted;
  return port?.length ? { kind: 'port', services: port, names } : { kind: 'nothing' };
}

function taskOf(services: readonly RouteService[] | undefined, key: string): Named | undefined {
  const targets = services?.flatMap((each) => each.targets.filter((target) => keyOf(target) === key)) ?? [];
  return targets.length > 0 ? { kind: 'task', targets } : undefined;
}

/** The part of `name` in front of the zone: '' for the zone itself, undefined outside of it. */
function below(name: string, zone: string): string | undefined {
  if (name === zone) return '';
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : undefined;
}

/** Fifteen letters that stand for a task, for ids have dots; FNV-1a twice, with two starts. */
export function keyOf({ taskId }: RouteTarget): string {
  return `t${sevenLetters(fnv1a(taskId))}${sevenLetters(fnv1a(taskId, 0x01234567))}`;
}

const sevenLetters = (hash: number): string => hash.toString(36).padStart(7, '0');

const isLabel = (text: string): boolean => text.length > 0 && text.length <= LABEL_MAX;

function append(map: Map<string, RouteService[]>, name: string, service: RouteService): void {
  const known = map.get(name);
  if (!known) map.set(name, [service]);
  // two apps may come to the same name (/a/b and /a-b in Mesos' form): the first one of the table keeps it
  else if (known[0]?.appId === service.appId) known.push(service);
}
