// The probes as the agent core wants them.
import type { Probes } from '#libs/agent-core';
import { httpProbe } from './http-probe.js';
import { tcpProbe } from './tcp-probe.js';

export const socketProbes: Probes = { http: httpProbe, tcp: tcpProbe };
