// `GET /v3/brake` (promise 5): the mass-kill brake of each app and of the fleet, and the brake for hosts, with what ends them.
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  appBrakes,
  fleetBrakeState,
  hostBrakeState,
  requireApp,
  type AppBrakeState,
  type ControlCore,
  type FleetBrakeState,
  type HostBrakeState,
} from '#libs/control-core';
import { timestampOf } from '#libs/model';
import type { BrakeSettings } from '#libs/reconciler';
import { pageOf } from '../http/page.js';
import { text } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { appIdOf } from './views.js';

@Controller('v3/brake')
export class BrakeController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get()
  read(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const { state, alarms, agents } = this.core;
    const settings = state.settings.brake;
    const named = text(request.query, 'app');
    const only = named === undefined ? undefined : requireApp(state, appIdOf(named)).id;
    const apps = pageOf(appBrakes(state, only), { keyOf: ({ appId }) => [appId] }, request, reply);
    return {
      settings: {
        enabled: settings.minimumInstances > 0,
        instances: settings.minimumInstances,
        share: settings.share,
        windowSeconds: settings.windowMs / 1000,
      },
      fleet: fleetAnswer(fleetBrakeState(state)),
      apps: apps.map((each) => appAnswer(each, settings)),
      hosts: hostsAnswer(hostBrakeState(state, alarms.list(), agents.silent(state))),
    };
  }
}

function fleetAnswer({ isOn, since, ...counts }: FleetBrakeState): object {
  return { on: isOn, ...(since === undefined ? {} : { since: timestampOf(since) }), ...counts };
}

function appAnswer(
  { appId, brake, holds, calmMs, ...counts }: AppBrakeState,
  settings: BrakeSettings,
): object {
  return {
    appId,
    on: brake !== undefined,
    ...counts,
    ...(brake
      ? {
          by: brake.by,
          since: timestampOf(brake.since),
          ...(brake.calmSince === undefined
            ? {}
            : {
                calmSince: timestampOf(brake.calmSince),
                endsAt: timestampOf(brake.calmSince + calmMs),
              }),
          ends: endOf(brake.by, counts.needed, calmMs, settings),
        }
      : {}),
    holds,
  };
}

function endOf(by: 'app' | 'fleet', needed: number | null, calmMs: number, { share }: BrakeSettings): string {
  const enough =
    by === 'app' ? `fewer than ${needed ?? 0} of its instances` : `less than ${share * 100} % of the fleet`;
  return (
    `at once when all its instances are healthy; otherwise when ${enough} have been unhealthy together for ${calmMs / 1000} s, ` +
    'after which those that are still unhealthy are killed. Killing, restarting or deploying instances is not held.'
  );
}

function hostsAnswer({ isOn, since, agents, silent }: HostBrakeState): object {
  return {
    on: isOn,
    ...(since === undefined ? {} : { since: timestampOf(since) }),
    agents,
    silent: silent.map(({ id, hostname, silentMs }) => ({
      id,
      hostname,
      silentSeconds: Math.floor(silentMs / 1000),
    })),
    ...(isOn
      ? {
          ends:
            'when fewer than 2 of the agents are silent. Until then none of them is declared lost, and what runs there is not started ' +
            'elsewhere. Of an agent that will not come back, say so: DELETE /v3/agents/ID',
        }
      : {}),
  };
}
