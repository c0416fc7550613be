// The configuration on disk. A new one is written in a folder of its own, beside the one that HAProxy runs by, is tried there, and takes
// its place only when HAProxy accepts it: a full disk or a word that HAProxy does not know leaves what serves as it is, also for a
// HAProxy that has to be started again.
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RouteService } from '#libs/routing';
import type { Scripts } from './backend-rules.js';
import type { CertificateCopies } from './certificate-copies.js';
import { hashOf, nameOf, serviceNameOf } from './config-text.js';
import { complaintsIn, wordsOf } from './haproxy-answers.js';
import type { Layout } from './layout.js';
import type { LogWish } from './log-rules.js';
import type { Slots } from './slots.js';
import { writeConfig, type ConfigOptions } from './write-config.js';

export interface ConfigFilesParts {
  readonly options: ConfigOptions;
  readonly certificates: CertificateCopies;
  /** Says what HAProxy says against the configuration at a path; undefined: it takes it. */
  readonly check: (path: string) => Promise<string | undefined>;
  readonly onNotice: (text: string) => void;
}

export interface NewConfig {
  readonly layout: Layout;
  readonly slots: ReadonlyMap<string, Slots>;
  readonly services: readonly RouteService[];
  readonly scripts: Scripts;
  /** Undefined: no access log. */
  readonly log: LogWish | undefined;
  /** Bodies of the 503 by backend. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** By name of a backend's service, or of a frontend (`port:10000`): what HAProxy says against it. */
export type Refused = ReadonlyMap<string, string>;

const FOLDER = /^run-(\d+)$/;
const CONFIG = 'haproxy.cfg';

export class ConfigFiles {
  readonly #parts: ConfigFilesParts;
  /** In which all of them are. */
  #base: string;
  /** Of the newest one. */
  #folder: string;

  constructor(parts: ConfigFilesParts) {
    this.#parts = parts;
    this.#base = parts.options.folder;
    this.#folder = join(this.#base, this.#folders().at(-1) ?? 'run-0');
    parts.certificates.remember(join(this.#folder, 'certs'));
  }

  /** Which HAProxy is started with. */
  get path(): string {
    return join(this.#base, CONFIG);
  }

  /** Of a HAProxy that was started by an earlier run of ours: it reads its configuration from there. */
  adopt(base: string): void {
    this.#base = base;
    this.#folder = join(base, this.#folders().at(-1) ?? 'run-0');
    this.#parts.certificates.remember(join(this.#folder, 'certs'));
  }

  /** For one that is to be started. Where the disk takes nothing, in memory: better that than no proxy. */
  async writeAnew(config: NewConfig): Promise<Refused> {
    const { folder } = this.#parts.options;
    const inMemory = memoryFolder(folder);
    try {
      this.#base = folder;
      const refused = await this.write(config);
      rmSync(inMemory, { recursive: true, force: true });
      return refused;
    } catch (error) {
      // of the system: what HAProxy refuses has none
      if (typeof error !== 'object' || error === null || !('code' in error)) throw error;
      ownFolder(inMemory);
      this.#parts.onNotice(
        `the configuration of HAProxy is in ${inMemory}, for its folder takes nothing: ${String(error.code)}`,
      );
      this.#base = inMemory;
      return this.write(config);
    }
  }

  /** Of the newest configuration: HAProxy knows it by this name. */
  get reasonsPath(): string {
    return join(this.#folder, 'reasons.map');
  }

  /** Nothing runs by them any more. What is in memory goes. */
  leave(): void {
    rmSync(memoryFolder(this.#parts.options.folder), { recursive: true, force: true });
  }

  /** Leaves a configuration at `path` that HAProxy takes. What it refuses of services is left out of it; the others do not suffer. */
  async write(config: NewConfig): Promise<Refused> {
    const { certificates } = this.#parts;
    const last = Number(FOLDER.exec(this.#folders().at(-1) ?? '')?.[1] ?? 0);
    const folder = join(this.#base, `run-${last + 1}`);
    certificates.read();
    try {
      const refused = await this.#writeInto(folder, config);
      renameSync(join(folder, CONFIG), this.path);
      this.#folder = folder;
      certificates.accept();
      for (const other of this.#folders())
        if (join(this.#base, other) !== folder)
          rmSync(join(this.#base, other), { recursive: true, force: true });
      return refused;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #writeInto(folder: string, config: NewConfig): Promise<Refused> {
    const { check, onNotice, certificates } = this.#parts;
    const refused = new Map<string, string>();
    for (;;) {
      const sectionAt = this.#put(folder, config, refused);
      const refusal = await check(join(folder, CONFIG));
      if (refusal === undefined) return refused;
      if (certificates.refuse(refusal)) continue;
      const known = refused.size;
      for (const { line, words } of complaintsIn(refusal)) {
        const section = sectionAt(line);
        const culprit = section === undefined ? undefined : serviceNameOf(section);
        if (culprit === undefined || refused.has(culprit)) continue;
        refused.set(culprit, words);
        onNotice(`HAProxy refuses ${culprit}: ${words}`);
      }
      if (refused.size === known) throw new Error(`it refuses the configuration: ${wordsOf(refusal)}`);
    }
  }

  #put(folder: string, config: NewConfig, refused: Refused): (line: number) => string | undefined {
    const { options, certificates } = this.#parts;
    const { layout, slots, services, scripts, reasons, log } = config;
    const certs = join(folder, 'certs');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(certs, { recursive: true, mode: 0o700 });
    const { tls, ...others } = options;
    const { text, files, sectionAt } = writeConfig(
      layout,
      slots,
      services,
      {
        ...others,
        folder,
        ...scripts,
        ...(log ? { log } : {}),
        ...(tls && !certificates.isEmpty ? { tls: { ...tls, certificates: [certs] } } : {}),
      },
      new Set(refused.keys()),
    );
    const put = (name: string, content: string): void =>
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    for (const [name, content] of certificates.files()) put(join('certs', name), content);
    for (const [name, content] of files) put(name, content);
    put('reasons.map', [...reasons].map(([backend, body]) => `${backend} ${body}\n`).join(''));
    put(CONFIG, text);
    return sectionAt;
  }

  /** The newest is the last. */
  #folders(): string[] {
    return readdirSync(this.#base)
      .filter((name) => FOLDER.test(name))
      .sort((a, b) => Number(FOLDER.exec(a)?.[1]) - Number(FOLDER.exec(b)?.[1]));
  }
}

/** Of this user only: it holds secrets, and its name can be guessed. */
function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.())
    throw new Error(`${path} belongs to somebody else; remove it`);
}

/** Where configurations are that the disk of `folder` has no room for. */
export const memoryFolder = (folder: string): string =>
  join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `longrun-haproxy-config-${hashOf(folder)}`);

/** Services whose rules HAProxy does not take at all: they have no places. */
export const isRefused = (refused: Refused, service: RouteService): boolean => refused.has(nameOf(service));

/** One sentence per service that is not served as its labels ask for. */
export function refusals(refused: Refused, services: readonly RouteService[]): string[] {
  return services.flatMap((service) => {
    const { appId, servicePort } = service;
    const [all, port] = [refused.get(nameOf(service)), refused.get(`port:${servicePort}`)];
    if (all !== undefined)
      return [`app ${appId} is not served: HAProxy refuses the configuration that its labels make: ${all}`];
    return port === undefined
      ? []
      : [
          `app ${appId}: its service port ${servicePort} is not opened: HAProxy refuses what its labels make of it: ${port}`,
        ];
  });
}
