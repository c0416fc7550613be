// The texts of the labels that count for one port, by short name. Most particular first: a label of the port with its index
// (HAPROXY_0_VHOST, longrun.io/0/host), one of the port without, one of the app with the port's index, one of the app without.
import type { AppSpec, ServicePort } from '#libs/model';
import { shown, type ValueReader } from './values.js';

export interface LabelText {
  /** As it is in the definition. */
  readonly label: string;
  /** Trimmed. */
  readonly text: string;
}

const TEXT_MAX = 65_536;
const WARNINGS_MAX = 30;
const HAPROXY = 'HAPROXY_';
const OWN = 'longrun.io/';

export class LabelTexts {
  readonly warnings: string[] = [];
  readonly #own: ReadonlyMap<string, LabelText>;
  readonly #haproxy: ReadonlyMap<string, LabelText>;

  constructor(spec: AppSpec, port: ServicePort) {
    this.#own = collect(spec, port, OWN, `${port.index}/`);
    this.#haproxy = collect(spec, port, HAPROXY, `${port.index}_`);
  }

  /** Nothing here is for a proxy: most apps. */
  get isEmpty(): boolean {
    return this.#own.size === 0 && this.#haproxy.size === 0;
  }

  own(name: string): LabelText | undefined {
    return this.#own.get(name);
  }

  haproxy(name: string): LabelText | undefined {
    return this.#haproxy.get(name);
  }

  /** Longrun's form wins over marathon-lb's; one that cannot be used is left out with a warning, and the other one counts. */
  read<T>(reader: ValueReader<T>, own: string, haproxy?: string): T | undefined {
    const first = this.own(own);
    const value = first && this.value(reader, first);
    if (value !== undefined || haproxy === undefined) return value;
    const second = this.haproxy(haproxy);
    return second && this.value(reader, second);
  }

  /** An empty text is as good as none. */
  value<T>(reader: ValueReader<T>, { label, text }: LabelText): T | undefined {
    if (text === '') return undefined;
    const value = text.length > TEXT_MAX ? undefined : reader.read(text);
    if (value === undefined) this.warn(`${label} ${shown(text)} is not used: it must be ${reader.allowed}`);
    return value;
  }

  /** Has it been said of this label that it cannot be used? */
  isRefused(label: string): boolean {
    return this.warnings.some((each) => each.startsWith(`${label} `) && each.includes(' is not used: '));
  }

  /** `text` must hold no secret. */
  warn(text: string): void {
    if (this.warnings.length < WARNINGS_MAX) this.warnings.push(text);
  }
}

function collect(
  spec: AppSpec,
  port: ServicePort,
  prefix: string,
  numbered: string,
): ReadonlyMap<string, LabelText> {
  const found = new Map<string, LabelText>();
  for (const labels of [spec.labels, port.labels]) {
    const plain: [string, LabelText][] = [];
    const particular: [string, LabelText][] = [];
    for (const [label, text] of Object.entries(labels)) {
      if (!label.startsWith(prefix)) continue;
      const rest = label.slice(prefix.length);
      const entry = { label, text: text.trim() };
      if (rest.startsWith(numbered)) particular.push([rest.slice(numbered.length), entry]);
      else if (!/^\d/.test(rest)) plain.push([rest, entry]);
    }
    for (const [name, entry] of [...plain, ...particular]) found.set(name, entry);
  }
  return found;
}
