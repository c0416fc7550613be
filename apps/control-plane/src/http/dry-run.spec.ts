import { describe, expect, it } from '@jest/globals';
import { refuseUnplanned } from './dry-run.js';

const ask = (method: string, path: string, dryRun?: string) => (): void =>
  refuseUnplanned(path, { method, query: dryRun === undefined ? {} : { dryRun } });

describe('dryRun=true on a change that makes no plan', () => {
  it.each([
    ['DELETE', '/v3/agents/a-1'],
    ['DELETE', '/v3/proxies/p-1'],
    ['DELETE', '/v2/leader'],
    ['DELETE', '/v2/queue/shop/web/delay'],
    ['POST', '/v3/shutdown'],
    ['POST', '/logging'],
    // routed as /v2/leader
    ['DELETE', '/%762/leader'],
  ])('refuses %s %s', (method, path) => {
    expect(ask(method, path, 'true')).toThrow(/Nothing was done/);
    expect(ask(method, path, 'TRUE')).toThrow(expect.objectContaining({ status: 422 }));
    expect(ask(method, path, 'false')).not.toThrow();
    expect(ask(method, path)).not.toThrow();
  });

  it.each([
    ['POST', '/v2/apps'],
    ['PATCH', '/v2/groups/shop'],
    ['DELETE', '/v2/deployments/x'],
    ['POST', '/v2/tasks/delete'],
    ['POST', '/v3/plan'],
    ['GET', '/v3/agents'],
  ])('lets %s %s pass', (method, path) => {
    expect(ask(method, path, 'true')).not.toThrow();
  });
});
