// Service ports that HAProxy can open. One that it cannot makes it refuse a whole new configuration, so each is tried before; those that
// fail are left out, said in the warnings and tried again, and hold nothing else back.
import { createServer } from 'node:net';
import { whyNotOpen } from '#libs/proxy-core';
import type { RouteService, RouteTable } from '#libs/routing';
import { portsWithin, remedyFor } from './file-room.js';

/** Each takes a file descriptor for a moment. */
const AT_ONCE = 50;
/** In one warning. */
const NAMED_MAX = 10;

export interface ServicePortsParts {
  /** Unless the service says otherwise. */
  readonly bind: string;
  /** Ports that are never opened, with the reason: the proxy's own. */
  readonly reserved: ReadonlyMap<number, string>;
  /** Limit of open files, of which each port takes one. Undefined: none. */
  readonly files?: number;
}

export class ServicePorts {
  readonly #parts: ServicePortsParts;
  #problems: ReadonlyMap<string, string> = new Map();
  /** Keys of those that the limit of open files has no room for. */
  #beyond: ReadonlySet<string> = new Set();

  constructor(parts: ServicePortsParts) {
    this.#parts = parts;
  }

  /** Keys (`address port`) of the service ports of a table. */
  keysOf({ services }: RouteTable): Set<string> {
    return new Set(services.flatMap((service) => this.#keyOf(service) ?? []));
  }

  /** The table without the ports that cannot be opened. `held`: what HAProxy listens on now. */
  async openable(table: RouteTable, held: ReadonlySet<string>): Promise<RouteTable> {
    const problems = new Map<string, string>();
    const look = async (key: string): Promise<void> => {
      const [address = '', port] = key.split(' ');
      const reserved = this.#parts.reserved.get(Number(port));
      const isHeld = held.has(key) || held.has(`* ${port}`);
      const why = reserved ?? (isHeld ? undefined : await whyNotOpenable(address, Number(port)));
      if (why === undefined) return;
      problems.set(
        key,
        reserved === undefined
          ? `service port ${port} cannot be opened on ${address}: ${why}; tried again every few seconds`
          : `service port ${port} is not opened: ${why}`,
      );
    };
    const keys = this.#within(table, held);
    for (let at = 0; at < keys.length; at += AT_ONCE)
      await Promise.all(keys.slice(at, at + AT_ONCE).map(look));
    this.#problems = problems;
    if (problems.size + this.#beyond.size === 0) return table;
    const services = table.services.map((service) => {
      const { servicePort: _port, ...rest } = service;
      const key = this.#keyOf(service) ?? '';
      return problems.has(key) || this.#beyond.has(key) ? rest : service;
    });
    return { ...table, services };
  }

  /** Some port was left out that may be free now. */
  get isWaiting(): boolean {
    return [...this.#problems.keys()].some((key) => !this.#parts.reserved.has(Number(key.split(' ')[1])));
  }

  warnings(): string[] {
    const problems = [...this.#problems.values()];
    const { files } = this.#parts;
    if (files === undefined || this.#beyond.size === 0) return problems;
    const ports = [...this.#beyond].map((key) => key.split(' ')[1]);
    const some = `${ports.slice(0, NAMED_MAX).join(', ')}${ports.length > NAMED_MAX ? ' …' : ''}`;
    return [
      ...problems,
      `the limit of open files is ${files}, which has room for ${portsWithin(files)} service ports: ${ports.length} are not opened (${some}); ${remedyFor(portsWithin(files) + ports.length)}`,
    ];
  }

  /** Those that there is room for; what is open stays so. */
  #within(table: RouteTable, held: ReadonlySet<string>): string[] {
    const keys = [...this.keysOf(table)];
    const { files } = this.#parts;
    const most = files === undefined ? keys.length : portsWithin(files);
    if (keys.length <= most) {
      this.#beyond = new Set();
      return keys;
    }
    const isHeld = (key: string): boolean => held.has(key) || held.has(`* ${key.split(' ')[1]}`);
    const sorted = [...keys.filter(isHeld), ...keys.filter((key) => !isHeld(key))];
    this.#beyond = new Set(sorted.slice(most));
    return sorted.slice(0, most);
  }

  #keyOf({ servicePort, policy }: RouteService): string | undefined {
    return servicePort === undefined ? undefined : `${policy?.bind ?? this.#parts.bind} ${servicePort}`;
  }
}

/** By listening there for a moment: also refused where another HAProxy would share the port with us (SO_REUSEPORT). */
export function whyNotOpenable(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(whyNotOpen(error)));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
