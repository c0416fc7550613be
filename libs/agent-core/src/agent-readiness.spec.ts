// The readiness check and the app's `check` (behaviour.md 8): when they are asked, what is told, and over restarts of the agent.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AgentCheck, InstanceStatus, ReadinessCheck } from '#libs/model';
import { AgentBench, anAssignment } from './fixtures/agent-bench.js';
import type { HttpAnswer } from './seams.js';

let bench: AgentBench;
beforeEach(() => {
  bench = new AgentBench();
});
afterEach(() => bench.stop());

const ports = [
  { index: 0, hostPort: 31_000, protocol: 'tcp' as const },
  { index: 1, hostPort: 31_001, protocol: 'tcp' as const, name: 'admin' },
];
const says = (status: number, body = 'no'): HttpAnswer => ({
  ...{ kind: 'answer', status, contentType: 'text/plain', body },
});
const refused: HttpAnswer = { kind: 'none', cause: 'connection refused', connected: false };

describe('a readiness check', () => {
  const aReadiness = (more: Partial<ReadinessCheck> = {}): ReadinessCheck => ({
    name: 'warm',
    protocol: 'HTTP',
    path: '/ready',
    portName: 'admin',
    intervalSeconds: 30,
    timeoutSeconds: 10,
    httpStatusCodesForReady: [200],
    preserveLastResponse: false,
    ...more,
  });
  const joined = (more: Partial<ReadinessCheck> = {}): ReturnType<AgentBench['joined']> =>
    bench.joined([anAssignment({ launch: { ports, readinessCheck: aReadiness(more) } })]);
  const readinessNow = (): InstanceStatus['readiness'] => bench.session.status()?.readiness;

  it('is asked at once, at the named port, then an interval after each answer until it is ready', async () => {
    bench.answer = () => says(503);
    await joined();
    expect(bench.questions).toMatchObject([
      { host: '127.0.0.1', port: 31_001, path: '/ready', scheme: 'http', timeoutMs: 10_000, bodyBytesMax: 0 },
    ]);
    expect(readinessNow()).toEqual({ ready: false });
    await bench.run(29_900);
    expect(bench.questions).toHaveLength(1);
    await bench.run(200);
    expect(bench.questions).toHaveLength(2);
    bench.answer = () => says(200);
    await bench.run(30_000);
    expect(readinessNow()).toEqual({ ready: true });
    await bench.run(300_000);
    expect(bench.questions).toHaveLength(3);
  });

  it('is asked sooner while nobody listens, and tells that once', async () => {
    bench.answer = () => refused;
    const session = await joined({ preserveLastResponse: true });
    session.acknowledge();
    const told = session.statuses().length;
    await bench.run(2_000);
    expect(bench.questions.length).toBeGreaterThan(5);
    expect(session.statuses()).toHaveLength(told);
    expect(readinessNow()).toEqual({
      ready: false,
      lastResponse: {
        status: 504,
        contentType: 'text/plain',
        body: 'the task could not be asked: connection refused',
      },
    });
    bench.answer = () => says(503);
    await bench.run(1_000);
    const asked = bench.questions.length;
    await bench.run(29_000);
    expect(bench.questions).toHaveLength(asked);
  });

  it('takes the listed codes for ready, and 504 only from the task itself', async () => {
    bench.answer = () => refused;
    await joined({ httpStatusCodesForReady: [504, 204] });
    expect(readinessNow()).toEqual({ ready: false });
    bench.answer = () => says(204);
    await bench.run(1_000);
    expect(readinessNow()).toEqual({ ready: true });
  });

  it('keeps the last answer when that is wanted; a body that always differs is told every 10 s at most', async () => {
    bench.answer = () => says(503, String(bench.questions.length));
    const session = await joined({ intervalSeconds: 2, timeoutSeconds: 1, preserveLastResponse: true });
    expect(readinessNow()?.lastResponse).toEqual({ status: 503, contentType: 'text/plain', body: '1' });
    session.acknowledge();
    const told = session.statuses().length;
    await bench.run(60_000);
    session.acknowledge();
    expect(bench.questions.length).toBeGreaterThan(25);
    expect(
      new Set(
        session
          .statuses()
          .slice(told)
          .map((each) => each.sequence),
      ).size,
    ).toBeLessThanOrEqual(6);
    bench.answer = () => says(200, 'up');
    await bench.run(2_000);
    expect(readinessNow()).toEqual({
      ready: true,
      lastResponse: { status: 200, contentType: 'text/plain', body: 'up' },
    });
  });

  it('of a task without that port is told in words', async () => {
    await joined({ portName: 'gone', preserveLastResponse: true });
    expect(readinessNow()?.lastResponse?.body).toContain("no port 'gone'");
  });

  it('goes on after a restart of the agent, and is not asked again once it was ready', async () => {
    bench.answer = () => says(503);
    const set = [anAssignment({ launch: { ports, readinessCheck: aReadiness() } })];
    await bench.joined(set);
    await bench.stop();
    bench.answer = () => says(200);
    await bench.joined(set);
    expect(readinessNow()).toEqual({ ready: true });
    const asked = bench.questions.length;
    await bench.stop();
    await bench.joined(set);
    await bench.run(60_000);
    expect(bench.questions).toHaveLength(asked);
    expect(readinessNow()).toEqual({ ready: true });
  });

  it('ends with the task, and what the agent starts by itself is not asked', async () => {
    bench.answer = () => says(503);
    await joined();
    bench.cutOff();
    bench.runtime.crash(anAssignment().taskId);
    await bench.run(60_000);
    expect(bench.runtime.started).toHaveLength(2);
    expect(bench.questions).toHaveLength(1);
  });
});

describe('a check', () => {
  const times = { intervalSeconds: 10, timeoutSeconds: 5, delaySeconds: 15 };
  const joined = (check: Partial<AgentCheck>): ReturnType<AgentBench['joined']> =>
    bench.joined([anAssignment({ launch: { ports, check: { ...times, ...check } } })]);
  const resultNow = (): InstanceStatus['check'] => bench.session.status()?.check;

  it('by HTTP waits for its delay, then tells each status that differs', async () => {
    bench.answer = () => says(500);
    const session = await joined({ http: { scheme: 'HTTP', portIndex: 1, path: '/check' } });
    await bench.run(14_900);
    expect(resultNow()).toBeUndefined();
    await bench.run(200);
    expect(resultNow()).toEqual({ http: { statusCode: 500 } });
    expect(bench.questions).toMatchObject([{ port: 31_001, path: '/check', timeoutMs: 5_000 }]);
    session.acknowledge();
    const told = session.statuses().length;
    await bench.run(60_000);
    expect(bench.questions).toHaveLength(7);
    expect(session.statuses()).toHaveLength(told);
    bench.answer = () => refused;
    await bench.run(10_000);
    expect(resultNow()).toEqual({ http: {} });
  });

  it('by TCP tells whether it connected', async () => {
    await joined({ tcp: { port: 9_999 }, delaySeconds: 0 });
    expect(resultNow()).toEqual({ tcp: { succeeded: true } });
    expect(bench.probes.at(-1)).toMatchObject({ port: 9_999 });
    bench.probe = (port) => (port === 9_999 ? { kind: 'failure', cause: 'refused' } : { kind: 'success' });
    await bench.run(10_000);
    expect(resultNow()).toEqual({ tcp: { succeeded: false } });
  });

  it('by a command tells its exit code, and nothing when it took too long', async () => {
    bench.runtime.commandExit = 3;
    await joined({ exec: { command: { shell: 'test -e ready' } }, delaySeconds: 0 });
    expect(resultNow()).toEqual({ command: { exitCode: 3 } });
    bench.runtime.commandExit = null;
    await bench.run(10_000);
    expect(resultNow()).toEqual({ command: {} });
  });

  it('gives a list of words to the shell as they are', async () => {
    await joined({ exec: { command: { argv: ['echo', "it's $HOME", ''] } }, delaySeconds: 0 });
    expect(bench.runtime.executed.at(-1)).toBe(String.raw`exec 'echo' 'it'\''s $HOME' ''`);
  });

  it('never changes what the instance is: it runs on', async () => {
    bench.runtime.commandExit = 1;
    await joined({ exec: { command: { shell: 'false' } }, delaySeconds: 0, intervalSeconds: 0 });
    await bench.run(60_000);
    expect(bench.runtime.stopped).toEqual([]);
    expect(bench.session.status()).toMatchObject({ phase: 'running', accepting: true });
  });

  it('is measured anew after a restart of the agent', async () => {
    const set = [anAssignment({ launch: { ports, check: { ...times, tcp: { portIndex: 0 } } } })];
    await bench.joined(set);
    await bench.run(20_000);
    expect(resultNow()).toEqual({ tcp: { succeeded: true } });
    await bench.stop();
    bench.probe = () => ({ kind: 'failure', cause: 'refused' });
    await bench.joined(set);
    expect(bench.session.statuses()[0]).not.toMatchObject({ check: { tcp: { succeeded: true } } });
    expect(resultNow()).toEqual({ tcp: { succeeded: false } });
  });
});
