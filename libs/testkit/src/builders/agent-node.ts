// Agents for specs: one host that can run processes, connected, with room for a few small tasks.
import { asAgentId } from '#libs/model';
import type { AgentInfo, AgentNode } from '#libs/model';
import { BUILT_AT } from './app.js';

/** `agent-1` on `host-1`, with task ports 31000 to 32000. */
export const anAgentInfo = (more: Partial<AgentInfo> = {}): AgentInfo => ({
  id: asAgentId('agent-1'),
  hostname: 'host-1',
  address: '10.0.0.1',
  attributes: {},
  resources: { cpus: 2, mem: 1024, disk: 1024, ports: [{ from: 31_000, to: 32_000 }] },
  runtimes: ['process'],
  version: '0.1.0',
  warnings: [],
  ...more,
});

export const anAgentNode = (more: Partial<AgentNode> = {}): AgentNode => ({
  info: anAgentInfo(),
  run: 1,
  liveness: 'connected',
  since: BUILT_AT,
  diskLow: false,
  ...more,
});
