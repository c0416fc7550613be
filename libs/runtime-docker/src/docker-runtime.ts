// Tasks as containers of a Docker Engine (decisions.md 19, 22, 23). Nothing is kept on this side: labels and names carry all that a
// restarted agent needs, the Engine's inspect is the truth, its events only say when to look.
// While the Engine is away every call is `temporary` and waiters go on waiting; with live-restore the containers live on.
import { join } from 'node:path';
import { ArtifactFetcher } from '#libs/artifact-fetch';
import type { TaskExit, TaskId } from '#libs/model';
import { RuntimeError } from '#libs/runtime';
import type {
  LogRead,
  PullProgress,
  Runtime,
  RuntimeHealth,
  TaskLaunch,
  TaskObservation,
} from '#libs/runtime';
import type { Logger } from '#libs/telemetry';
import type { Clock } from '#libs/time';
import { runInContainer } from './container-command.js';
import { ContainerAddresses, withAddress } from './container-addresses.js';
import { containerDefinition, sandboxVolumes } from './container-definition.js';
import { identityOf, LABEL, ownershipFilter, type Ownership, type TaskIdentity } from './container-labels.js';
import { containerName, isKeptName, keptName } from './container-name.js';
import { ownerIn } from './container-user.js';
import { ContainerWatch } from './container-watch.js';
import type { ContainerDraft } from './docker-parameters.js';
import { EngineClient, type Inspected } from './engine-client.js';
import { statusOf, invalid, wordsOf } from './engine-errors.js';
import { engineHealth } from './engine-health.js';
import { testHostPorts } from './host-ports.js';
import { ensureImage } from './image-pull.js';
import { LogReader } from './log-reader.js';
import { logTail } from './log-tail.js';
import { Sandboxes } from './sandboxes.js';
import { seccompProfile } from './seccomp-profile.js';
import { StartSlots } from './start-slots.js';
import { exitOf, exitOfVanished, isEnded } from './task-exit.js';

export interface DockerRuntimeOptions {
  /** Unix socket of the Engine. */
  readonly socketPath: string;
  readonly agentId: string;
  /** Asked at each call: an agent learns its cluster with its first welcome. Null: not known yet. */
  readonly clusterId: () => string | null;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A Docker configuration with `auths` for private registries, such as /root/.docker/config.json. Absent: pulls are anonymous. */
  readonly registryConfigFile?: string;
  /** Sandboxes live below it; one runtime at a time may use it. */
  readonly dataDir: string;
  /** Shared by the runtimes of an agent, for its cache; absent: one of its own. */
  readonly fetcher?: ArtifactFetcher;
  /** Folder with the seccomp profiles that `linuxInfo` may name. */
  readonly seccompProfiles?: string | undefined;
}

/** Ended containers of one instance that stay for their logs. */
const KEPT_PER_INSTANCE = 2;

export class DockerRuntime implements Runtime {
  readonly kind = 'docker';
  readonly #client: EngineClient;
  readonly #watch: ContainerWatch;
  readonly #sandboxes: Sandboxes;
  readonly #addresses: ContainerAddresses;
  readonly #slots = new StartSlots();
  readonly #starting = new Map<TaskId, Promise<TaskObservation>>();
  /** At containers that may have ended. */
  readonly #looks = new Set<Promise<unknown>>();
  /** Tasks that were running when a stop of ours began. */
  readonly #stopped = new Set<TaskId>();
  /** By container id: an ended container never changes. */
  readonly #ended = new Map<string, TaskObservation>();
  readonly #readers = new Map<string, LogReader>();
  #dropsOutput = false;
  #isTidy = false;

  constructor(private readonly options: DockerRuntimeOptions) {
    this.#client = new EngineClient(options.socketPath, options.clock);
    this.#addresses = new ContainerAddresses(this.#client);
    const { dataDir, clock } = options;
    const fetcher = options.fetcher ?? new ArtifactFetcher({ cacheFolder: join(dataDir, 'cache'), clock });
    this.#sandboxes = new Sandboxes(dataDir, fetcher, options.logger);
    this.#watch = new ContainerWatch(this.#client, () => this.#owner(), options.clock, options.logger);
  }

  health(): Promise<RuntimeHealth> {
    return engineHealth(this.#client, { dropsOutput: this.#dropsOutput });
  }

  async list(): Promise<readonly TaskObservation[]> {
    const listed = await this.#client.list(ownershipFilter(this.#owner()));
    if (!this.#isTidy) await this.#tidy();
    const observed = await Promise.all(
      listed
        // created but not started: either its start is under way, or a second start will find it
        .filter((each) => each.State !== 'created' && !isKeptName(each.Names[0]) && identityOf(each.Labels))
        .map(async (each) => this.#ended.get(each.Id) ?? this.#observe(await this.#client.inspect(each.Id))),
    );
    return observed.filter((each) => each !== null);
  }

  async prepare(
    launch: TaskLaunch,
    progress: (pull: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { image, forcePullImage } = launch.spec;
    if (!image) throw invalid(`app ${launch.appId} has no image; set container.docker.image`);
    const wish = { image, forcePull: forcePullImage, registryConfigFile: this.options.registryConfigFile };
    await ensureImage(this.#client, this.options.clock, wish, progress, signal);
    await this.#sandboxes.fill(launch, progress, signal);
  }

  start(launch: TaskLaunch): Promise<TaskObservation> {
    const underWay = this.#starting.get(launch.taskId);
    if (underWay) return underWay;
    const started = this.#start(launch).finally(() => this.#starting.delete(launch.taskId));
    this.#starting.set(launch.taskId, started);
    return started;
  }

  async waitForExit(taskId: TaskId, signal: AbortSignal): Promise<TaskExit> {
    for (;;) {
      signal.throwIfAborted();
      const changed = this.#watch.next(taskId, signal);
      changed.catch(() => undefined); // whoever stops waiting in between learns it from the signal
      const look = this.#exitIfEnded(taskId);
      this.#looks.add(look);
      const exit = await look.finally(() => this.#looks.delete(look));
      if (exit) return exit;
      await changed;
    }
  }

  /** Events tell of each end at once, unless this process stood still: only then the Engine is asked. */
  async lookForEnds(): Promise<void> {
    if (await this.#watch.catchUp()) await Promise.all(this.#looks);
  }

  /**
   * Through the Engine's own stop, which goes on when the agent dies: SIGTERM, or the STOPSIGNAL of the image where its author
   * named one (as `docker stop` and Mesos do), then SIGKILL to all of the container. Grace is rounded up to whole seconds.
   */
  async stop(taskId: TaskId, graceMs: number): Promise<void> {
    const found = await this.#find(taskId);
    if (!found || isEnded(found)) return;
    if (found.State.Status === 'created') return this.#client.remove(found.Id);
    this.#stopped.add(taskId);
    if (graceMs <= 0) await this.#client.kill(found.Id);
    // after a kill this waits until the Engine has seen the end
    await this.#client.stop(found.Id, Math.max(1, Math.ceil(graceMs / 1000)));
    this.#watch.wake(taskId);
  }

  async execute(
    taskId: TaskId,
    command: string,
    timeoutMs: number,
  ): Promise<{ code: number | null; output: string }> {
    const { Id } = await this.#mustFind(taskId);
    return runInContainer(this.#client, this.options.clock, Id, command, timeoutMs);
  }

  /** Offsets: see LogReader. Works as long as the Engine has the container, also for a forgotten one that is kept for its logs. */
  async readLog(
    taskId: TaskId,
    stream: 'stdout' | 'stderr',
    from: number,
    maxBytes: number,
  ): Promise<LogRead> {
    const { Id, Config } = await this.#mustFind(taskId);
    const key = `${Id} ${stream}`;
    const reader = this.#readers.get(key) ?? new LogReader(this.#client, Id, stream, Config.Tty);
    this.#readers.set(key, reader);
    return reader.read(from, maxBytes);
  }

  async forget(taskId: TaskId, all: boolean): Promise<void> {
    const found = await this.#find(taskId);
    const identity = identityOf(found?.Config.Labels);
    if (!found) return this.#sandboxes.remove(taskId);
    if (!identity) return;
    if (!isEnded(found) && found.State.Status !== 'created') {
      this.options.logger.warn({ taskId }, 'a running task is not forgotten; stop it first');
      return;
    }
    this.#stopped.delete(taskId);
    this.#ended.delete(found.Id);
    if (!all && !isKeptName(found.Name)) await this.#client.rename(found.Id, keptName(taskId));
    await this.#prune(identity, all);
  }

  /** The Engine writes the logs of containers itself (at most 50 MB each) and cannot be told to drop them for a while: `health` says so. */
  dropOutput(drop: boolean): void {
    this.#dropsOutput = drop;
  }

  close(): Promise<void> {
    this.#watch.close();
    return Promise.resolve();
  }

  async #start(launch: TaskLaunch): Promise<TaskObservation> {
    const found = await this.#findNamed(launch.taskId);
    if (found && found.State.Status !== 'created') return this.#adopt(found, launch);
    const name = containerName(launch.taskId);
    try {
      const definition = await this.#define(launch);
      await testHostPorts(launch.spec.ports);
      const begin = async (address?: string): Promise<void> => {
        if (!found) await this.#create(withAddress(definition, address), name);
        await this.#giveSandbox(launch.taskId, definition.User, name);
        await this.#startCreated(name, launch.spec.networkNames ?? []);
      };
      await this.#slots.run(() => (found ? begin() : this.#addresses.holding(launch, begin)));
    } catch (error) {
      await this.#dropSandbox(launch.taskId);
      throw error;
    }
    const started = await this.#findNamed(launch.taskId);
    if (!started) {
      throw new RuntimeError('temporary', 'temporary', `container ${name} was removed right after its start`);
    }
    return this.#adopt(started, launch);
  }

  async #define(launch: TaskLaunch): Promise<ContainerDraft> {
    const { taskId, spec } = launch;
    const profile = await seccompProfile(spec.linuxInfo, this.options.seccompProfiles);
    const sandbox = this.#sandboxes.pathOf(taskId);
    const definition = containerDefinition(launch, this.#owner(), { sandbox, seccompProfile: profile });
    await this.#sandboxes.ready(launch, sandboxVolumes(spec, sandbox));
    return definition;
  }

  /** To the account that it runs as, if one is named. */
  async #giveSandbox(taskId: TaskId, user: string | undefined, name: string): Promise<void> {
    if (user === undefined || user === '' || user === 'root') return;
    const owner = await ownerIn(this.#client, name, user);
    if (owner) await this.#sandboxes.giveTo(taskId, owner);
  }

  /** After a start that was refused; when the Engine is away its container may be there. */
  async #dropSandbox(taskId: TaskId): Promise<void> {
    const isGone = await this.#findNamed(taskId).then(
      (found) => found === null,
      () => false,
    );
    if (isGone) await this.#sandboxes.remove(taskId);
  }

  /** Once: sandboxes whose containers went while no agent looked. Whatever cluster they belong to, the agent is this one. */
  async #tidy(): Promise<void> {
    try {
      const all = await this.#client.list(ownershipFilter({ ...this.#owner(), clusterId: null }));
      await this.#sandboxes.tidy(new Set(all.map((each) => each.Labels[LABEL.task] ?? '')));
      this.#isTidy = true;
    } catch (error) {
      this.options.logger.warn({ error: wordsOf(error) }, 'old sandboxes could not be removed; tried again');
    }
  }

  async #create(definition: ContainerDraft, name: string): Promise<void> {
    try {
      await this.#client.create(definition, name);
    } catch (error) {
      // the name is taken: a create whose answer was lost, so the container is ours
      if (statusOf((error as Error).cause) !== 409) throw error;
    }
  }

  async #startCreated(name: string, networks: readonly string[]): Promise<void> {
    try {
      if (networks.length > 1) await this.#join(name, networks);
      await this.#client.start(name);
    } catch (error) {
      const reached = statusOf((error as Error).cause) !== undefined;
      // after a refusal the next try must begin afresh; when the answer was lost it may well be running
      if (reached) await this.#client.remove(name);
      throw error;
    }
  }

  /** Before the start, so that the task never runs with a part of its networks; the main one is there since its creation. */
  async #join(name: string, networks: readonly string[]): Promise<void> {
    const created = await this.#client.inspect(name);
    const joined = new Set(Object.keys(created?.NetworkSettings.Networks ?? {}));
    for (const network of networks) if (!joined.has(network)) await this.#client.connect(network, name);
  }

  async #adopt(found: Inspected, launch: TaskLaunch): Promise<TaskObservation> {
    const observed = await this.#observe(found);
    if (observed?.taskId === launch.taskId && found.Config.Labels[LABEL.agent] === this.options.agentId) {
      return observed;
    }
    throw invalid(`container name ${found.Name.slice(1)} belongs to something else; remove that container`);
  }

  async #observe(seen: Inspected | null): Promise<TaskObservation | null> {
    const identity = identityOf(seen?.Config.Labels);
    if (!seen || !identity) return null;
    const known = this.#ended.get(seen.Id);
    if (known) return known;
    const ended = isEnded(seen);
    const startedAt = Date.parse(seen.State.StartedAt);
    const observation: TaskObservation = {
      ...identity,
      state: ended ? 'ended' : 'running',
      ...(startedAt > 0 ? { startedAt } : {}),
      ...(ended ? { exit: await this.#exit(identity.taskId, seen) } : {}),
      handle: seen.Id,
      ipAddresses: addressesOf(seen),
    };
    if (ended) this.#ended.set(seen.Id, observation);
    return observation;
  }

  /** Null while it runs, and while nobody can say. */
  async #exitIfEnded(taskId: TaskId): Promise<TaskExit | null> {
    try {
      const seen = await this.#find(taskId);
      if (!seen) return exitOfVanished(this.#stopped.has(taskId));
      return (await this.#observe(seen))?.exit ?? null;
    } catch (error) {
      this.options.logger.debug({ taskId, error: wordsOf(error) }, 'cannot look at the container now');
      return null;
    }
  }

  async #exit(taskId: TaskId, seen: Inspected): Promise<TaskExit> {
    const failed = seen.State.ExitCode !== 0;
    const stderrTail = failed ? await logTail(this.#client, seen.Id, seen.Config.Tty) : '';
    return exitOf(seen, { requested: this.#stopped.has(taskId), stderrTail });
  }

  /** Removes what an instance no longer needs: forgotten containers beyond the last ones, and those that never started. */
  async #prune({ instanceId }: TaskIdentity, all: boolean): Promise<void> {
    const labels = [...ownershipFilter(this.#owner()), `${LABEL.instance}=${instanceId}`];
    const listed = await this.#client.list(labels, ['created', 'exited', 'dead']);
    const idle = listed.filter((each) => !this.#starting.has(each.Labels[LABEL.task] as TaskId));
    const neverStarted = idle.filter((each) => each.State === 'created');
    const ended = await Promise.all(
      idle.filter((each) => each.State !== 'created').map((each) => this.#client.inspect(each.Id)),
    );
    const newestFirst = ended
      .filter((each) => each !== null)
      .sort((a, b) => Date.parse(b.State.StartedAt) - Date.parse(a.State.StartedAt));
    const surplus = all
      ? newestFirst
      : newestFirst.slice(KEPT_PER_INSTANCE).filter((each) => isKeptName(each.Name));
    for (const each of [...neverStarted, ...surplus]) {
      const { Id } = each;
      await this.#client.remove(Id);
      const labels = 'Config' in each ? each.Config.Labels : each.Labels;
      await this.#sandboxes.remove(labels[LABEL.task] as TaskId);
      this.#ended.delete(Id);
      for (const stream of ['stdout', 'stderr']) this.#readers.delete(`${Id} ${stream}`);
    }
  }

  /** By its names; only when there is none by its labels, for a person may have renamed it, or made it with labels of ours. */
  async #find(taskId: TaskId): Promise<Inspected | null> {
    const named = await this.#findNamed(taskId);
    if (named) return named;
    const labelled = await this.#client.list([...ownershipFilter(this.#owner()), `${LABEL.task}=${taskId}`]);
    const [found] = labelled.sort((a, b) => Number(b.State === 'running') - Number(a.State === 'running'));
    return found ? this.#client.inspect(found.Id) : null;
  }

  async #findNamed(taskId: TaskId): Promise<Inspected | null> {
    return (await this.#client.inspect(containerName(taskId))) ?? this.#client.inspect(keptName(taskId));
  }

  async #mustFind(taskId: TaskId): Promise<Inspected> {
    const found = await this.#find(taskId);
    if (!found) throw invalid(`there is no container of task ${taskId} on this agent`);
    return found;
  }

  #owner(): Ownership {
    return { agentId: this.options.agentId, clusterId: this.options.clusterId() };
  }
}

/** The main network's first; with host networking a container has the addresses of its host, and none here. */
function addressesOf(seen: Inspected): TaskObservation['ipAddresses'] {
  const main = seen.HostConfig.NetworkMode;
  const networks = Object.entries(seen.NetworkSettings.Networks);
  const mainFirst = networks.sort(([a], [b]) => Number(b === main) - Number(a === main));
  return mainFirst.flatMap(([, { IPAddress, GlobalIPv6Address }]) => [
    ...(IPAddress ? [{ ipAddress: IPAddress, protocol: 'IPv4' as const }] : []),
    ...(GlobalIPv6Address ? [{ ipAddress: GlobalIPv6Address, protocol: 'IPv6' as const }] : []),
  ]);
}
