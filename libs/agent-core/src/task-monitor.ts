// Watches running tasks: their health checks, for ports without one whether they accept connections, their readiness check and the
// app's `check`. Reports changes only (decisions.md 16); what follows from them is decided by the control plane.
import type { ProbeOutcome } from '#libs/lifecycle';
import type { HealthCheck, HealthResult, InstanceId, LaunchSpec } from '#libs/model';
import type { Clock } from '#libs/time';
import { RuntimeError } from '#libs/runtime';
import { runAgentCheck } from './agent-check-loop.js';
import { runCheck } from './health-check-loop.js';
import { pause, wordsOf } from './pause.js';
import { ProbeSlots } from './probe-slots.js';
import { portTarget, probeTarget, uncheckedPorts, type TaskPlace } from './probe-target.js';
import { askUntilReady } from './readiness-loop.js';
import type { Probes, Runtimes } from './seams.js';
import { TaskQuestions } from './task-questions.js';
import type { TaskRecord, TaskReport } from './task-record.js';

/** Sockets are cheap, processes are not: a COMMAND check starts one. */
const SOCKET_PROBES_MAX = 64;
const COMMAND_PROBES_MAX = 8;
/** decisions.md 12: every 100 ms, growing to 1 s. */
const ACCEPT_MS = 100;
const ACCEPT_MS_MAX = 1_000;
const ACCEPT_GROWTH = 1.25;
/** Causes are shown to people; an endless body or output is not. */
const CAUSE_CHARACTERS_MAX = 300;

export interface MonitorParts {
  readonly clock: Clock;
  readonly probes: Probes;
  readonly runtimes: Runtimes;
  /** Where the proxy reaches the host ports of this agent. */
  readonly address: string;
}

/** What has changed about a running task; the other members are as they were. */
export type TaskNews = Partial<Pick<TaskReport, 'health' | 'accepting' | 'readiness' | 'check'>>;

export class TaskMonitor {
  readonly #parts: MonitorParts;
  readonly #sockets = new ProbeSlots(SOCKET_PROBES_MAX);
  readonly #commands = new ProbeSlots(COMMAND_PROBES_MAX);
  readonly #running = new Map<InstanceId, AbortController>();
  readonly #questions: TaskQuestions;

  constructor(parts: MonitorParts) {
    this.#parts = parts;
    this.#questions = new TaskQuestions({ ...parts, sockets: this.#sockets, commands: this.#commands });
  }

  /**
   * Begins anew for this task: nothing is known about its health yet, and it is asked again only what it did not answer. The listener
   * is never called after `stop`.
   */
  start(task: TaskRecord, listener: (news: TaskNews) => void): void {
    this.stop(task.instanceId);
    if (!task.launch) return;
    const { launch } = task;
    const aborter = new AbortController();
    this.#running.set(task.instanceId, aborter);
    const tell = (news: TaskNews): void => {
      if (!aborter.signal.aborted) listener(news);
    };
    this.#watchHealth(task, launch, aborter.signal, tell);
    this.#ask(task, launch, aborter.signal, tell);
    if (!task.accepting) {
      void this.#watchPorts(task, launch, aborter.signal, () => tell({ accepting: true }));
    }
  }

  #watchHealth(
    task: TaskRecord,
    launch: LaunchSpec,
    signal: AbortSignal,
    tell: (news: TaskNews) => void,
  ): void {
    let health: readonly (HealthResult | null)[] = launch.healthChecks.map(() => null);
    launch.healthChecks.forEach((check, index) => {
      void runCheck({
        clock: this.#parts.clock,
        check,
        runningSince: task.startedAt ?? task.since,
        signal,
        probe: async (timeoutMs) => shortened(await this.#probe(task, launch, check, timeoutMs, signal)),
        changed: (result) => {
          health = health.with(index, result);
          tell({ health });
        },
      });
    });
  }

  #ask(task: TaskRecord, launch: LaunchSpec, signal: AbortSignal, tell: (news: TaskNews) => void): void {
    const { clock } = this.#parts;
    const { readinessCheck, check } = launch;
    if (readinessCheck && !task.readiness?.ready) {
      void askUntilReady({
        clock,
        check: readinessCheck,
        signal,
        ask: () => this.#questions.readiness(readinessCheck, task, launch, signal),
        changed: (readiness) => tell({ readiness }),
      });
    }
    if (!check) return;
    void runAgentCheck({
      clock,
      check,
      runningSince: task.startedAt ?? task.since,
      signal,
      ask: (timeoutMs) => this.#questions.check(check, task, launch, timeoutMs, signal),
      changed: (result) => tell({ check: result }),
    });
  }

  stop(id: InstanceId): void {
    this.#running.get(id)?.abort();
    this.#running.delete(id);
  }

  close(): void {
    for (const id of [...this.#running.keys()]) this.stop(id);
  }

  async #watchPorts(
    task: TaskRecord,
    launch: LaunchSpec,
    signal: AbortSignal,
    accepted: () => void,
  ): Promise<void> {
    const place = this.#placeOf(task);
    // one without an address to ask it at never accepts
    let waiting = uncheckedPorts(launch).map((port) => portTarget(port, place));
    for (
      let waitMs = ACCEPT_MS;
      waiting.length && !signal.aborted;
      waitMs = Math.min(waitMs * ACCEPT_GROWTH, ACCEPT_MS_MAX)
    ) {
      const outcomes = await Promise.all(
        waiting.map((target) =>
          this.#sockets.use(async () =>
            target ? this.#parts.probes.tcp({ ...target, timeoutMs: ACCEPT_MS_MAX }, signal) : undefined,
          ),
        ),
      );
      waiting = waiting.filter((_, index) => outcomes[index]?.kind !== 'success');
      if (waiting.length) await pause(this.#parts.clock, waitMs, signal);
    }
    if (!signal.aborted) accepted();
  }

  #probe(
    task: TaskRecord,
    launch: LaunchSpec,
    check: HealthCheck,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ProbeOutcome> {
    if (check.protocol === 'COMMAND') return this.#commands.use(() => this.#command(task, check, timeoutMs));
    const target = probeTarget(check, launch, this.#placeOf(task));
    if (!target) {
      const isMissing = launch.ports.every(({ index }) => index !== (check.portIndex ?? 0));
      const cause = isMissing
        ? `the app has no port at index ${check.portIndex ?? 0}`
        : 'the task has no address on its network';
      return Promise.resolve({ kind: 'failure', cause });
    }
    const { probes } = this.#parts;
    return this.#sockets.use(() => {
      if (check.protocol.endsWith('TCP')) return probes.tcp({ ...target, timeoutMs }, signal);
      const scheme = check.protocol.endsWith('HTTPS') ? 'https' : 'http';
      return probes.http(
        { ...target, scheme, path: check.path || '/', timeoutMs, ignoreHttp1xx: check.ignoreHttp1xx },
        signal,
      );
    });
  }

  #placeOf({ ipAddresses }: TaskRecord): TaskPlace {
    return { address: this.#parts.address, own: ipAddresses };
  }

  async #command(task: TaskRecord, check: HealthCheck, timeoutMs: number): Promise<ProbeOutcome> {
    try {
      const runtime = this.#parts.runtimes.of(task.runtime);
      if (!runtime) return { kind: 'failure', cause: `the ${task.runtime} runtime is gone` };
      const { code, output } = await runtime.execute(task.taskId, check.command?.value ?? 'true', timeoutMs);
      if (code === 0) return { kind: 'success' };
      const how = code === null ? `no result within ${timeoutMs / 1000} s` : `exit code ${code}`;
      return { kind: 'failure', cause: `${how}: ${output.trim()}` };
    } catch (error) {
      // an engine that is away, with tasks that may be well, says nothing about them
      if (error instanceof RuntimeError && error.kind === 'temporary') return { kind: 'none' };
      return { kind: 'failure', cause: wordsOf(error) };
    }
  }
}

/** Every counted failure is reported with its cause, so a long reason phrase or output would be stored again and again. */
const shortened = (outcome: ProbeOutcome): ProbeOutcome =>
  outcome.kind === 'failure' ? { ...outcome, cause: outcome.cause.slice(0, CAUSE_CHARACTERS_MAX) } : outcome;
