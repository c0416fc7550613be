// What is asked of a running task beside its health: whether it is ready, and the app's `check`. Each waits for its share of the
// agent's probes, like every health check.
import type { AgentCheck, CheckResult, LaunchSpec, ReadinessCheck } from '#libs/model';
import type { ProbeSlots } from './probe-slots.js';
import { portTarget, probeTarget } from './probe-target.js';
import type { HttpAnswer, Probes, Runtimes } from './seams.js';
import type { TaskRecord } from './task-record.js';

/** Of an answer that is kept; enough for a person, and a full report of an agent stays small. */
const BODY_BYTES_MAX = 4_096;

export interface QuestionParts {
  readonly probes: Probes;
  readonly runtimes: Runtimes;
  readonly sockets: ProbeSlots;
  readonly commands: ProbeSlots;
  /** Where the proxy reaches the host ports of this agent. */
  readonly address: string;
}

export class TaskQuestions {
  constructor(private readonly parts: QuestionParts) {}

  readiness(
    check: ReadinessCheck,
    task: TaskRecord,
    launch: LaunchSpec,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const port = launch.ports.find(({ name }) => name === check.portName);
    if (!port) return Promise.resolve(unasked(`the app has no port '${check.portName}'`));
    const target = portTarget(port, { address: this.parts.address, own: task.ipAddresses });
    if (!target) return Promise.resolve(unasked('the task has no address on its network'));
    const { probes, sockets } = this.parts;
    return sockets.use(() =>
      probes.ask(
        {
          ...target,
          scheme: check.protocol === 'HTTPS' ? 'https' : 'http',
          path: check.path,
          timeoutMs: check.timeoutSeconds * 1000,
          bodyBytesMax: check.preserveLastResponse ? BODY_BYTES_MAX : 0,
        },
        signal,
      ),
    );
  }

  async check(
    check: AgentCheck,
    task: TaskRecord,
    launch: LaunchSpec,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CheckResult> {
    const { probes, sockets, address } = this.parts;
    const { http, tcp, exec } = check;
    if (exec) return { command: await this.#exitOf(exec, task, timeoutMs) };
    const target = probeTarget({ protocol: 'MESOS_HTTP', ipProtocol: 'IPv4', ...(http ?? tcp) }, launch, {
      address,
      own: task.ipAddresses,
    });
    if (tcp) {
      const outcome = target && (await sockets.use(() => probes.tcp({ ...target, timeoutMs }, signal)));
      return { tcp: { succeeded: outcome?.kind === 'success' } };
    }
    const path = http?.path ?? '/';
    const answer =
      target &&
      (await sockets.use(() =>
        probes.ask({ ...target, scheme: 'http', path, timeoutMs, bodyBytesMax: 0 }, signal),
      ));
    return { http: answer?.kind === 'answer' ? { statusCode: answer.status } : {} };
  }

  async #exitOf(
    { command }: NonNullable<AgentCheck['exec']>,
    task: TaskRecord,
    timeoutMs: number,
  ): Promise<NonNullable<CheckResult['command']>> {
    const words = 'shell' in command ? command.shell : `exec ${command.argv.map(quoted).join(' ')}`;
    try {
      const runtime = this.parts.runtimes.of(task.runtime);
      const result = await this.parts.commands.use(async () =>
        runtime?.execute(task.taskId, words, timeoutMs),
      );
      return result?.code === undefined || result.code === null ? {} : { exitCode: result.code };
    } catch {
      return {}; // asked, and no answer: the task is ending, or its engine is away
    }
  }
}

/** One word of a shell, whatever is in it. */
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const unasked = (cause: string): HttpAnswer => ({ kind: 'none', cause, connected: true });
