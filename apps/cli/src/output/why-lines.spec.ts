import { describe, expect, it } from '@jest/globals';
import { whyLines } from './why-lines.js';

describe('the chain of reasons', () => {
  it('has what is now on top and the root last, each below what it caused', () => {
    const text = whyLines({
      instanceId: 'web.instance-1',
      appId: '/web',
      isGone: false,
      now: 'it is running on agent host-1, in the route table',
      root: { kind: 'request', text: 'POST /v2/apps from 127.0.0.1' },
      chain: [
        { at: '2026-01-31T12:00:02.000Z', what: 'routed', text: 'it entered the route table (table 3)' },
        { what: 'deployment', text: 'deployment d-1, which is no longer kept' },
        { at: '2026-01-31T12:00:00.000Z', what: 'request', text: 'POST /v2/apps from 127.0.0.1' },
      ],
      reasons: [],
    });
    expect(text.split('\n')).toEqual([
      'web.instance-1 of /web: it is running on agent host-1, in the route table',
      '',
      '2026-01-31T12:00:02.000Z  it entered the route table (table 3)',
      '                            because deployment d-1, which is no longer kept',
      '2026-01-31T12:00:00.000Z      because POST /v2/apps from 127.0.0.1',
    ]);
  });

  it('keeps each link on a line of its own, whatever a task wrote', () => {
    const text = whyLines({
      instanceId: 'web.instance-1',
      appId: '/web',
      isGone: true,
      now: 'it is gone',
      root: { kind: 'crash', text: '' },
      chain: [{ what: 'ended', text: 'exit code 1:\n  Error: no such table\n' }],
      reasons: [],
    });
    expect(text.split('\n').at(-1)?.trim()).toBe('exit code 1: | Error: no such table');
  });

  it('fits into 100 columns, what does not fit going on below the beginning of its link', () => {
    const long = Array.from({ length: 40 }, (_, at) => `word${at}`).join(' ');
    const at = '2026-01-31T12:00:02.000Z';
    const text = whyLines({
      instanceId: 'web.instance-1',
      appId: '/web',
      isGone: true,
      now: long,
      root: { kind: 'crash', text: '' },
      chain: [
        { at, what: 'ended', text: long },
        { at, what: 'request', text: long },
      ],
      reasons: [],
    });
    const lines = text.split('\n');
    expect(Math.max(...lines.map((each) => each.length))).toBeLessThanOrEqual(100);
    expect(lines.filter((each) => each.startsWith(at))).toHaveLength(2);
    expect(lines.at(-1)).toMatch(/^ {28,}word\d+/);
    expect(text.replace(/\s+/g, ' ')).toBe(
      `web.instance-1 of /web: ${long} ${at} ${long} ${at} because ${long}`,
    );
  });
});
