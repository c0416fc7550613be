// How tests of hosts in trouble look at what the control plane knows of its agents, and at what proxies route.
import { until } from '#libs/testkit';
import type { LongrunUp } from './longrun-up.js';

export interface AgentView {
  readonly hostname: string;
  readonly liveness: string;
  readonly diskLow: boolean;
  readonly warnings: readonly string[];
}

export const agentsOf = async (up: LongrunUp): Promise<readonly AgentView[]> =>
  (await up.api.get<{ agents: AgentView[] }>('/v3/agents')).agents;
export const routed = (up: LongrunUp, id: string): Promise<boolean> =>
  until(`${id} to be routed`, async () => (await fetch(`${up.proxyUrl}/_app${id}/`)).ok);
