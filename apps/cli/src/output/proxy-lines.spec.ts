import { expect, test } from '@jest/globals';
import type { ProxiesAnswer } from '#libs/api-client';
import { proxyLines } from './proxy-lines.js';

type Registered = ProxiesAnswer['proxies'][number];

const NOW = Date.parse('2026-01-01T01:00:00.000Z');
const proxy = (id: string, more: Partial<Registered> = {}): Registered => ({
  ...{ id, address: 'host-1:8000', live: true, warnings: [], confirmed: { epoch: 3, number: 41 } },
  heardAt: '2026-01-01T00:59:58.000Z',
  ...more,
});
const about = (index: number): NonNullable<Registered['about']> => ({
  ...{ engine: 'builtin', host: 'host-1', worker: { index, of: 2 } },
});

test('a row for each process, with the table it serves by; each warning once with where it is', () => {
  const warnings = ['service port 80 is not opened: another process listens on it'];
  const lines = proxyLines(
    {
      newest: { epoch: 3, number: 42 },
      proxies: [
        proxy('p-1', { about: about(1), warnings, confirmed: { epoch: 3, number: 42 } }),
        proxy('p-2', { about: about(2), warnings, confirmedSince: '2026-01-01T00:50:00.000Z' }),
        proxy('old', {
          ...{ address: 'host-2:80', live: false, warnings: ['of one that is gone'] },
          listens: { appPaths: true, groups: ['internal', 'x'] },
        }),
      ],
    },
    NOW,
  );
  expect(lines.join('\n'))
    .toBe(`ADDRESS      HOST    ENGINE   WORKER  GROUPS      TABLE            SINCE   HEARD           PROXY
host-1:8000  host-1  builtin  1 of 2  all         42               -       2 s ago         p-1
host-1:8000  host-1  builtin  2 of 2  all         41 (newest: 42)  10 min  2 s ago         p-2
host-2:80    -       -        -       internal,x  41 (newest: 42)  -       2 s ago (gone)  old
warning (host-1:8000): service port 80 is not opened: another process listens on it`);
});

test('none: how to get one; an unheard one and one of an epoch before are told apart', () => {
  expect(proxyLines({ proxies: [] }, NOW)).toEqual([expect.stringMatching(/longrun proxy/)]);
  const { heardAt: _, ...unheard } = proxy('p');
  const newest = { epoch: 4, number: 41 };
  expect(proxyLines({ newest, proxies: [unheard] }, NOW).join()).toMatch(
    /41 \(of an earlier leader\) .* not yet/,
  );
});
