import { describe, expect, it } from '@jest/globals';
import { asAppId, asInstanceId, asTaskId, timestampOf, type TaskId } from '#libs/model';
import type { RouteTable } from '#libs/routing';
import { answeredWhileOneServes } from './answers.js';
import { PromiseBroken, type RequestFact, type TaskFact, type TryFact, type World } from './watch.js';

const WEB = asAppId('/web');
const id = (index: number): TaskId => asTaskId(`web.t${index}`);

const tableOf = (count: number): RouteTable => ({
  ...{ cluster: 'c1', epoch: 1, number: 1, madeAt: timestampOf(0) },
  // without service ports
  services: [0, 1].map((portIndex) => ({
    ...{ appId: WEB, portIndex, mode: 'auto', hosts: [] },
    ...{ sticky: false, redirectToHttps: false, emptyReason: 'none' },
    targets: Array.from({ length: count }, (_, index) => ({
      ...{ taskId: id(index), instanceId: asInstanceId(`web.${index}`), suspect: false },
      ...{ host: '10.0.0.1', port: 31_000 + index },
    })),
  })),
});

interface Setting {
  /** Those that serve, of 30 that are routed. */
  readonly serving: readonly number[];
  readonly isCut?: boolean;
}

function worldOf({ serving, isCut = false }: Setting): World {
  const task = (taskId: TaskId): TaskFact => ({
    ...{ taskId, appId: WEB, instanceId: 'i', incarnation: 1, host: 'agent-0', hostPorts: [] },
    ...{
      isAlive: true,
      wasReady: true,
      isWell: true,
      runningAt: 0,
      endedAt: null,
      isAnswering: serving.some((each) => id(each) === taskId),
    },
  });
  const proxy = {
    id: 'proxy-0',
    isAlive: true,
    table: tableOf(30),
    heardAt: 0,
    leasedSince: 0,
    askedAt: 0,
    inFlight: [],
  };
  return { now: 0, proxies: [proxy], task, reaches: () => !isCut } as unknown as World;
}

const missedAs = (how: TryFact['how'], from: number, to: number): readonly TryFact[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ taskId: id(from + index), how }));

/** The rule that it breaks; null: none. */
function verdict(setting: Setting, request: Partial<RequestFact>, missesBefore = 0): string | null {
  const watcher = answeredWhileOneServes();
  const world = worldOf(setting);
  const missed = request.missed ?? [];
  for (let count = missesBefore + missed.length; count > 0; count -= 1)
    watcher.missed?.('proxy-0', id(0), world);
  try {
    watcher.answered?.(
      {
        ...{ proxy: 'proxy-0', appId: WEB, portIndex: 0, mayRepeat: true, since: 0, missed },
        ...{ result: 'refused', taskId: null, text: '', ...request },
      },
      world,
    );
    return null;
  } catch (error) {
    if (error instanceof PromiseBroken) return error.rule;
    throw error;
  }
}

const BROKEN = 'answered-while-one-serves';
const ONE: Setting = { serving: [29] };

describe('a request is answered while a target serves', () => {
  it('so none may end for want of a target', () => {
    expect(verdict(ONE, { result: 'no-target' })).toBe(BROKEN);
    expect(verdict({ serving: [] }, { result: 'no-target' })).toBeNull();
    expect(verdict({ ...ONE, isCut: true }, { result: 'no-target' })).toBeNull();
    // only the first port of an app is reached without a service port
    expect(verdict(ONE, { result: 'no-target', portIndex: 1 })).toBeNull();
    expect(verdict(ONE, { result: 'answered' })).toBeNull();
  });

  it('nor after targets that refused at once, up to twenty, nor after two that kept it waiting', () => {
    expect(verdict(ONE, { missed: missedAs('refused', 0, 2) })).toBe(BROKEN);
    expect(verdict(ONE, { missed: missedAs('refused', 0, 21) })).toBe(BROKEN);
    expect(verdict(ONE, { missed: missedAs('refused', 0, 22) })).toBeNull();
    expect(verdict(ONE, { missed: missedAs('timed-out', 0, 1) })).toBe(BROKEN);
    expect(verdict(ONE, { missed: missedAs('timed-out', 0, 2) })).toBeNull();
    const mixed = [...missedAs('timed-out', 0, 0), ...missedAs('refused', 1, 5), ...missedAs('broke', 6, 6)];
    expect(verdict(ONE, { missed: mixed })).toBe(BROKEN);
    expect(verdict(ONE, { missed: [...mixed, ...missedAs('timed-out', 7, 7)] })).toBeNull();
  });

  it('but by one that it was not sent to', () => {
    expect(verdict({ serving: [1] }, { missed: missedAs('refused', 0, 2) })).toBeNull();
  });

  it('nor after the first that broke, when it may be repeated and the retries are not used up', () => {
    const reset: Partial<RequestFact> = { result: 'reset', missed: missedAs('broke', 0, 0) };
    expect(verdict(ONE, reset)).toBe(BROKEN);
    expect(verdict(ONE, { ...reset, mayRepeat: false })).toBeNull();
    expect(verdict(ONE, { ...reset, missed: missedAs('broke', 0, 1) })).toBeNull();
    expect(verdict(ONE, { ...reset, missed: missedAs('silent', 0, 0) })).toBeNull();
    expect(verdict(ONE, { ...reset, missed: [] })).toBeNull();
    expect(verdict(ONE, reset, 9)).toBe(BROKEN);
    expect(verdict(ONE, reset, 10)).toBeNull();
  });
});
