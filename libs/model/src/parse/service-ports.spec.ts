import { describe, expect, it } from '@jest/globals';
import type { AppSpec } from '../app-spec.js';
import { portsOf } from '../app-spec.js';
import { parseApp } from './parse-app.js';
import { assignServicePorts } from './service-ports.js';

const range = { from: 10_000, to: 10_003 };
function withPorts(...ports: number[]): AppSpec {
  const parsed = parseApp({ id: '/p', cmd: 'sleep 1', portDefinitions: ports.map((port) => ({ port })) });
  if (parsed.kind === 'ok') return parsed.spec;
  throw new Error(JSON.stringify(parsed));
}
function assign(
  spec: AppSpec,
  taken: readonly number[] = [],
  previous?: AppSpec,
): readonly number[] | string {
  const result = assignServicePorts(spec, {
    range,
    taken: (port) => taken.includes(port),
    ...(previous ? { previous } : {}),
  });
  return result.kind === 'ok' ? portsOf(result.spec).map(({ servicePort }) => servicePort) : result.kind;
}

describe('assignServicePorts', () => {
  it('gives the lowest free ports, around taken and fixed ones', () => {
    expect(assign(withPorts(0, 10_001, 0), [10_000])).toEqual([10_002, 10_001, 10_003]);
  });
  it('leaves fixed ports alone, also taken ones and those out of the range', () => {
    expect(assign(withPorts(80, 10_000), [80, 10_000])).toEqual([80, 10_000]);
  });
  it('gives the app its own earlier ports back, in their order', () => {
    expect(assign(withPorts(0, 0, 0), [10_000], withPorts(10_003, 9, 10_001))).toEqual([
      10_003, 10_001, 10_002,
    ]);
    expect(assign(withPorts(0, 10_001), [], withPorts(10_001))).toEqual([10_000, 10_001]);
  });
  it('says when the range is used up', () => {
    expect(assign(withPorts(0, 0), [10_000, 10_001, 10_002])).toBe('exhausted');
  });
  it('works for mappings of bridge networking', () => {
    const parsed = parseApp({ id: '/b', container: { docker: { image: 'x', network: 'BRIDGE' } } });
    if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed));
    expect(assign(parsed.spec)).toEqual([10_000]);
  });
});
