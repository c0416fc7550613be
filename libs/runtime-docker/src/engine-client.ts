// The calls to one Docker Engine, over its unix socket through dockerode; every failure leaves here as a RuntimeError.
// No agent is passed to dockerode: with one it inspects all its sockets on every call (measured: 40 times slower).
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { RuntimeError } from '#libs/runtime';
import type { Clock } from '#libs/time';
import { asRuntimeError, statusOf } from './engine-errors.js';

/** For calls that answer at once. A create or start on a busy machine takes seconds, never this long. */
const CALL_MS = 120_000;

/** Already started, or already stopped. */
const UNCHANGED = 304;

export type Inspected = Docker.ContainerInspectInfo;
export type Listed = Docker.ContainerInfo;
/** With what the typings of dockerode leave out. */
export type InspectedNetwork = Omit<Docker.NetworkInspectInfo, 'IPAM'> & {
  readonly IPAM?: {
    readonly Driver?: string;
    readonly Config?: readonly {
      readonly Subnet?: string;
      readonly IPRange?: string;
      readonly Gateway?: string;
      readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
    }[];
  };
};
export interface LogQuery {
  readonly stream: 'stdout' | 'stderr';
  /** `seconds.nanoseconds`; entries of exactly this time are included. */
  readonly since?: string;
  readonly tail?: number;
}

export class EngineClient {
  readonly docker: Docker;

  constructor(
    readonly socketPath: string,
    private readonly clock: Clock,
  ) {
    this.docker = new Docker({ socketPath });
  }

  version(): Promise<Docker.DockerVersion> {
    return this.#call('ask the Docker Engine for its version', this.docker.version());
  }

  info(): Promise<Record<string, unknown>> {
    return this.#call(
      'ask the Docker Engine about itself',
      this.docker.info() as Promise<Record<string, unknown>>,
    );
  }

  /** By id or name; null when there is none. */
  inspect(container: string): Promise<Inspected | null> {
    const answer = this.docker.getContainer(container).inspect();
    return this.#call(`inspect container ${container}`, unlessMissing(answer));
  }

  list(labels: readonly string[], status?: readonly string[]): Promise<Listed[]> {
    const filters = { label: [...labels], ...(status ? { status: [...status] } : {}) };
    return this.#call('list containers', this.docker.listContainers({ all: true, filters }));
  }

  async create(definition: Docker.ContainerCreateOptions, name: string): Promise<void> {
    await this.#call(`create container ${name}`, this.docker.createContainer({ ...definition, name }));
  }

  async start(container: string): Promise<void> {
    const answer = this.docker.getContainer(container).start();
    await this.#call(`start container ${container}`, unless([UNCHANGED], answer));
  }

  /** Null when there is none of this name. */
  network(name: string): Promise<InspectedNetwork | null> {
    const answer = this.docker.getNetwork(name).inspect() as Promise<InspectedNetwork>;
    return this.#call(`inspect network ${name}`, unlessMissing(answer));
  }

  /** Of a container that does not run yet: it joins when it is started. */
  async connect(network: string, container: string): Promise<void> {
    const answer = this.docker.getNetwork(network).connect({ Container: container }) as Promise<unknown>;
    await this.#call(`connect container ${container} to network ${network}`, answer);
  }

  /** The Engine's own stop: it goes on when this process dies. A container that is gone or has ended is a success. */
  async stop(container: string, graceSeconds: number): Promise<void> {
    const answer = this.docker.getContainer(container).stop({ t: graceSeconds });
    await this.#call(
      `stop container ${container}`,
      unless([UNCHANGED, 404], answer),
      graceSeconds * 1000 + CALL_MS,
    );
  }

  async kill(container: string): Promise<void> {
    const answer = this.docker.getContainer(container).kill({ signal: 'SIGKILL' });
    await this.#call(`kill container ${container}`, unless([404, 409], answer));
  }

  async rename(container: string, name: string): Promise<void> {
    await this.#call(
      `rename container ${container}`,
      unlessMissing(this.docker.getContainer(container).rename({ name })),
    );
  }

  /** With its anonymous volumes: nothing can name them any more. Named ones stay. 409: somebody else is removing it. */
  async remove(container: string): Promise<void> {
    const answer = this.docker.getContainer(container).remove({ force: true, v: true });
    await this.#call(`remove container ${container}`, unless([404, 409], answer));
  }

  /** A file of a container, running or not, as a tar archive; null when there is none. */
  async archive(container: string, path: string): Promise<Readable | null> {
    const answer = unlessMissing(this.docker.getContainer(container).getArchive({ path }));
    return (await this.#call(`read ${path} of container ${container}`, answer)) as Readable | null;
  }

  async hasImage(image: string): Promise<boolean> {
    const found = unless([404], this.docker.getImage(image).inspect());
    return (await this.#call(`look for image ${image}`, found)) !== null;
  }

  /** The progress of a pull; the stream's end is the pull's end, destroying it cancels the pull. */
  async pull(image: string, auth: object | undefined, signal: AbortSignal): Promise<Readable> {
    const options = { fromImage: image, abortSignal: signal };
    const stream = auth ? this.docker.createImage(auth, options) : this.docker.createImage(options);
    return (await this.#call(`pull image ${image}`, stream)) as Readable;
  }

  /** JSON lines, until the socket closes or the signal aborts. */
  async events(since: string, labels: readonly string[], signal: AbortSignal): Promise<Readable> {
    const filters = { type: ['container'], event: ['die', 'destroy'], label: [...labels] };
    const options = { since, filters, abortSignal: signal };
    // typed as whole seconds, but the Engine takes fractions
    const stream = this.docker.getEvents(options as unknown as Docker.GetEventsOptions);
    return (await this.#call('follow the events of the Docker Engine', stream)) as Readable;
  }

  /** Entries with a timestamp each, in frames or raw (see log-frames.ts), as a stream: dockerode would collect up to 50 MB in memory. */
  logs(container: string, { stream, since, tail }: LogQuery): Promise<Readable> {
    const options = {
      path: `/containers/${container}/logs?`,
      method: 'GET',
      isStream: true,
      statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      options: {
        stdout: stream === 'stdout',
        stderr: stream === 'stderr',
        timestamps: true,
        ...(since === undefined ? {} : { since }),
        ...(tail === undefined ? {} : { tail }),
      },
    };
    const opened = new Promise<Readable>((resolve, reject) =>
      this.docker.modem.dial(options, (error: unknown, answer: unknown) =>
        error ? reject(error as Error) : resolve(answer as Readable),
      ),
    );
    return this.#call(`read the log of container ${container}`, opened);
  }

  /** Translates failures; gives up after a time, for dockerode never answers when a body breaks off in the middle. */
  async #call<T>(what: string, answer: Promise<T>, withinMs = CALL_MS): Promise<T> {
    let giveUp = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      const fail = (): void =>
        reject(
          new RuntimeError('temporary', 'temporary', `could not ${what}: no answer in ${withinMs / 1000} s`),
        );
      const timer = this.clock.after(withinMs, fail);
      giveUp = () => timer.cancel();
    });
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      throw asRuntimeError(error, what);
    } finally {
      giveUp();
    }
  }
}

async function unless<T>(statuses: readonly number[], answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (statuses.includes(statusOf(error) ?? 0)) return null;
    throw error;
  }
}

const unlessMissing = <T>(answer: Promise<T>): Promise<T | null> => unless([404], answer);
