// What waits to be launched: `/v2/queue` in Marathon's shape (api.md 8). In words: `/v3/apps/ID/waiting`, app-insight.controller.ts.
import { Controller, Delete, Get, HttpCode, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { failures, presentQueueItem, type OfferView, type QueueItem } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { currentDelay } from '#libs/lifecycle';
import type { App } from '#libs/model';
import { values } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { restOf } from './answers.js';
import { appIdOf, shownApps } from './views.js';
import { freeOn, instancesToLaunch } from './waiting.js';

@Controller()
export class QueueController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('v2/queue')
  list(@Req() request: FastifyRequest): object {
    const withOffers = values(request.query, 'embed').includes('lastUnusedOffers');
    const queue = shownApps(this.core.state).flatMap((app) => this.#item(app, withOffers) ?? []);
    return { queue };
  }

  @Delete('v2/queue/*')
  @HttpCode(204)
  async resetDelay(@Req() request: FastifyRequest): Promise<void> {
    const rest = restOf(request);
    if (!rest.endsWith('/delay')) throw failures.uriNotFound();
    await this.core.deployments.resetDelay(appIdOf(rest.slice(0, -'/delay'.length)));
  }

  #item(app: App, withOffers: boolean): QueueItem | null {
    const { clock, loop } = this.core;
    const waiting = instancesToLaunch(app, this.core.state);
    if (!waiting.length) return null;
    const now = clock.now();
    const delay = currentDelay(app, now);
    const since = Math.min(...waiting.map((each) => each.status?.since ?? each.createdAt));
    return presentQueueItem(
      {
        version: app.current,
        count: waiting.length,
        since,
        ...(delay ? { delayUntil: delay.until } : {}),
        offers: loop.offers.summary(app.id),
        ...(withOffers ? { lastUnusedOffers: this.#offers(app, now) } : {}),
      },
      now,
    );
  }

  #offers(app: App, now: number): readonly OfferView[] {
    const { state, loop } = this.core;
    return (loop.waiting(app.id)?.perAgent ?? []).flatMap(({ agentId, reasons }) => {
      const agent = state.agents.get(agentId);
      if (!agent || !reasons.length) return [];
      const names = reasons.map(({ reason }) => reason);
      return [{ agent: agent.info, free: freeOn(agent, state), reasons: names, at: now }];
    });
  }
}
