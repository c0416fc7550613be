// Promise 3: every stop that we choose passes the gatekeeper, whatever asks. Each place that could stop a task is found by the compiler's
// types and stands in this table with its reason; one more, or one less, fails. Planted wrong code is seen to be found.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { waysToAStop, type Finding, type Way } from './ways-to-a-stop.js';

interface Allowed {
  readonly way: Way;
  /** `file#function`. */
  readonly at: string;
  readonly why: string;
}
const allow = (way: Way, at: string, why: string): Allowed => ({ way, at, why });

const RECONCILER = 'libs/reconciler/src';
const ALLOWED: readonly Allowed[] = [
  // what is wanted: only the gatekeeper begins a stop
  allow('write-stop', `${RECONCILER}/gatekeeper.ts#startStop`, 'the gatekeeper begins a stop'),
  allow(
    'write-stop',
    `${RECONCILER}/gatekeeper.ts#hurryStop`,
    'the gatekeeper: one under way does not come back',
  ),
  allow('write-stop', `${RECONCILER}/advance-stops.ts#advanceStops`, 'one that was begun goes on'),
  allow(
    'write-stop',
    `${RECONCILER}/advance-stops.ts#nextPhase`,
    'one that was begun goes on: drained until then',
  ),
  allow('write-stop', `${RECONCILER}/advance-stops.ts#enter`, 'one that was begun goes on: its next phase'),
  allow(
    'write-stop',
    `${RECONCILER}/take-note.ts#adopted`,
    'a removal that was begun goes on with the task that the agent started alone',
  ),
  // what is forgotten
  allow(
    'remove-instance',
    `${RECONCILER}/gatekeeper.ts#requestStop`,
    'the gatekeeper: one that runs nowhere has nothing to stop',
  ),
  allow(
    'remove-instance',
    `${RECONCILER}/app-draft.ts#AppDraft.remove`,
    'the one place of a pass that writes it; who calls it is below',
  ),
  allow('draft-remove', `${RECONCILER}/app-draft.ts#AppDraft.stop`, 'granted by the gatekeeper'),
  allow(
    'draft-remove',
    `${RECONCILER}/take-note.ts#noteEnds`,
    'its agent reported the end of one that was to go',
  ),
  allow(
    'draft-remove',
    `${RECONCILER}/take-note.ts#forget`,
    'its agent is lost and no live proxy can choose it: a stop that was begun cannot be carried out there, or expungeAfterSeconds are over, or a replacement serves',
  ),
  allow(
    'draft-remove',
    `${RECONCILER}/launch.ts#replaced`,
    'it waits and has no task that is known; its agent, which may have started it again, is lost: a new one takes its place',
  ),
  // the agent's side: what it is told, what nobody wants, what has been replaced
  allow(
    'stop-step',
    'libs/agent-core/src/next-step.ts#nextStep',
    'the assignment says stop, an orphan whose time is over, or an older incarnation than the assigned one',
  ),
  allow(
    'worker-stop',
    'libs/agent-core/src/instance-worker.ts#InstanceWorker.#stop',
    'carries out that step',
  ),
  allow(
    'worker-stop',
    'libs/agent-core/src/instance-worker.ts#InstanceWorker.#turn',
    'a stray: a newer incarnation of the same instance has replaced it',
  ),
  allow(
    'worker-stop',
    'libs/agent-core/src/instance-worker.ts#InstanceWorker.#start',
    'a start whose outcome nobody knows: never reported as running, so never routed; it must not run beside the next try',
  ),
  allow(
    'runtime-stop',
    'libs/agent-core/src/task-calls.ts#TaskCalls.makeSure',
    'carries that out, until nothing of it runs',
  ),
  allow(
    'runtime-stop',
    'libs/agent-core/src/task-calls.ts#TaskCalls.stop',
    'the one caller of a runtime, until it is done',
  ),
];

const keyOf = ({ way, at }: Pick<Allowed, 'way' | 'at'>): string => `${way} ${at}`;
const foundAs = ({ way, file, where }: Finding): string => keyOf({ way, at: `${file}#${where}` });
const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();

/** Processes of Longrun itself are none of tasks; each folder that may signal says whose. */
const SIGNALLERS: readonly (readonly [file: RegExp, whose: string])[] = [
  [/^libs\/process-identity\//, 'the signal itself, after pid and start time were compared'],
  [/^libs\/runtime-process\/src\/task-processes\.ts$/, "a task's, asked by the runtime"],
  [/^libs\/runtime-process\/src\/launcher\.ts$/, 'a shim that did not come up: its task never began'],
  [/^libs\/runtime-process\/src\/command-check\.ts$/, 'a COMMAND check that is over its time'],
  [
    /^libs\/runtime-docker\/src\/container-command\.ts$/,
    'a COMMAND check in a container that is over its time',
  ],
  [/^libs\/artifact-fetch\//, 'its own child that unpacks'],
  [/^libs\/embedded-postgres\//, 'the embedded PostgreSQL'],
  [/^apps\/supervisor\//, "Longrun's own processes"],
  [/^apps\/proxy\//, "the proxy's own workers"],
  [/^libs\/haproxy-engine\//, 'HAProxy, which the proxy runs'],
];
const ENGINE = 'libs/runtime-docker/src/engine-client.ts';

const WRONG = 'test/architecture/wrong/stops.ts';

describe('a stop of a task', () => {
  let findings: readonly Finding[] = [];
  beforeAll(() => {
    findings = waysToAStop(process.cwd(), [WRONG]);
  }, 120_000);
  const inProduction = (): readonly Finding[] => findings.filter(({ file }) => file !== WRONG);
  const areSignals = ({ way }: Finding): boolean => way === 'signal' || way === 'engine-stop';

  it('has no way around the gatekeeper and the agent that carries out what it decided', () => {
    const seen = unique(
      inProduction()
        .filter((each) => !areSignals(each))
        .map(foundAs),
    );
    expect(seen).toEqual(unique(ALLOWED.map(keyOf)));
  });

  it('reaches processes only through the runtimes', () => {
    const signals = inProduction().filter(({ way }) => way === 'signal');
    const foreign = signals.filter(({ file }) => !SIGNALLERS.some(([allowed]) => allowed.test(file)));
    expect(foreign).toEqual([]);
    const idle = SIGNALLERS.filter(([allowed]) => !signals.some(({ file }) => allowed.test(file)));
    expect(idle).toEqual([]);
  });

  it("reaches containers only through the Docker runtime's client", () => {
    const ends = inProduction().filter(({ way }) => way === 'engine-stop');
    expect(unique(ends.map(({ file }) => file))).toEqual([ENGINE]);
  });

  it('is found wherever somebody plants one', () => {
    const planted = readFileSync(resolve(WRONG), 'utf8')
      .split('\n')
      .flatMap((text, index) => {
        const way = /\/\/ finds (\S+)/.exec(text)?.[1];
        return way === undefined ? [] : [`${way} in line ${index + 1}`];
      });
    const found = findings
      .filter(({ file }) => file === WRONG)
      .map(({ way, line }) => `${way} in line ${line}`);
    expect(planted.length).toBeGreaterThan(12);
    expect(unique(found)).toEqual(unique(planted));
  });
});
