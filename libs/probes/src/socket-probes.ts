// The probes as the agent core wants them.
import type { Probes } from '#libs/agent-core';
import { httpAsk } from './http-ask.js';
import { httpProbe } from './http-probe.js';
import { tcpProbe } from './tcp-probe.js';

export const socketProbes: Probes = { http: httpProbe, ask: httpAsk, tcp: tcpProbe };
