import { expect, it } from '@jest/globals';
import { asAppId } from '#libs/model';
import { HeaderRefusals } from './header-refusals.js';
import { prometheusText, type ProcessSnapshot } from './snapshot.js';

const web = { appId: asAppId('/web'), portIndex: 1 };

it('connections refused for their PROXY header are a metric by app, port and reason, over all processes', () => {
  const refusals = new HeaderRefusals();
  const textOf = (): string => {
    const confirmed = { epoch: 1, number: 1 };
    const table = { ...confirmed, madeAt: null, confirmed, ageMs: 0, leaseMs: 0, services: 0, targets: 0 };
    const snapshot: ProcessSnapshot = {
      ...{ totals: [], inFlight: {}, table },
      headerRefusals: refusals.counts(),
    };
    return prometheusText([snapshot, snapshot]);
  };
  expect(textOf()).toContain('# TYPE longrun_proxy_header_refusals_total counter\n# HELP');
  refusals.note(web, 'late');
  for (let times = 0; times < 3; times += 1) refusals.note(web, 'missing');
  expect(textOf().match(/^longrun_proxy_header_refusals_total.*$/gm)).toEqual([
    'longrun_proxy_header_refusals_total{app="/web",port="1",reason="late"} 2',
    'longrun_proxy_header_refusals_total{app="/web",port="1",reason="missing"} 6',
  ]);
});

it('no more of them are kept than fit: those that were refused least lately are forgotten', () => {
  const refusals = new HeaderRefusals();
  for (let app = 0; app < 1_500; app += 1) {
    refusals.note(web, 'missing');
    refusals.note({ ...web, appId: asAppId(`/app-${app}`) }, 'missing');
  }
  const counts = refusals.counts();
  expect(counts).toHaveLength(1_000);
  expect(counts.find(({ appId }) => appId === '/web')?.count).toBe(1_500);
  expect(counts.some(({ appId }) => appId === '/app-0')).toBe(false);
});
