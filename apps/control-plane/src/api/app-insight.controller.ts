// About one app, what Marathon does not tell (`/v3/apps/ID/…`): why it waits, what in it has no effect, how it came to be what it is.
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { definitionWarnings, failures, presentHistory, presentReason } from '#libs/api-contract';
import { requireApp, type ControlCore } from '#libs/control-core';
import type { App, AppId } from '#libs/model';
import { VERSIONS_KEPT, type StoredReason } from '#libs/store';
import { pageOf, readPage } from '../http/page.js';
import { CORE } from '../tokens.js';
import { restOf } from './answers.js';
import { explainAnswer } from './explanation.js';
import { proxyWarnings } from './proxy-warnings.js';
import { trafficAnswer } from './traffic-answer.js';
import { appIdOf, hostsOf } from './views.js';
import { instancesToLaunch, waitingWords } from './waiting.js';
import { rolloutWarnings } from './rollout-warnings.js';

/** Of an app, without `limit`. */
const REASONS_SHOWN = 100;

@Controller('v3/apps')
export class AppInsightController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('*')
  read(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): object | Promise<object> {
    const [, id, what] =
      /^(.+)\/(settings|traffic|waiting|warnings|history|why|explain)$/.exec(restOf(request)) ?? [];
    if (id === undefined) {
      throw failures.uriNotFound(
        'GET /v2/apps/ID reads an app; /docs lists what there is below /v3/apps/ID.',
      );
    }
    if (what === 'why') return this.#why(appIdOf(id), request, reply);
    if (what === 'traffic') return trafficAnswer(this.core, appIdOf(id));
    const app = requireApp(this.core.state, appIdOf(id));
    if (what === 'explain') return explainAnswer(this.core, app, request, reply);
    if (what === 'settings') return { appId: app.id, settings: app.settings ?? {} };
    if (what === 'history') return this.#history(app, request, reply);
    return what === 'warnings' ? this.#warnings(app) : this.#waiting(app);
  }

  #warnings(app: App): object {
    const { state, routes } = this.core;
    const routing = routes.warnings(state).filter(({ appId }) => appId === app.id);
    const warnings = [
      ...routing.map(({ text }) => text),
      ...definitionWarnings(app.current.spec),
      ...rolloutWarnings(app),
      ...proxyWarnings(this.core, app.id),
    ];
    return { appId: app.id, warnings };
  }

  #waiting(app: App): object {
    const { state, clock, loop } = this.core;
    const explanation = loop.waiting(app.id);
    return {
      appId: app.id,
      missing: instancesToLaunch(app, state).length,
      waiting: waitingWords(app, state, explanation, clock.now()),
      agents: explanation?.perAgent ?? [],
    };
  }

  /** Newest first. */
  async #history(app: App, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const versions = await this.core.store.versions(app.id);
    const stories = presentHistory(versions, versions.length < VERSIONS_KEPT);
    const order = { keyOf: ({ version }: { version: string }) => [version], descending: true };
    return { appId: app.id, versions: pageOf(stories, order, request, reply) };
  }

  /** What happened to its instances, newest first; the app may be gone. */
  async #why(id: AppId, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const { state, why } = this.core;
    const { limit = REASONS_SHOWN, after } = readPage(request);
    const before = Number(after?.[0] ?? Number.NaN);
    const stored = await why.ofApp(id, {
      limit: limit + 1,
      ...(Number.isSafeInteger(before) ? { before } : {}),
    });
    if (!stored.length) requireApp(state, id);
    const order = { keyOf: ({ number }: StoredReason) => [number], descending: true };
    const page = pageOf(stored, order, request, reply).slice(0, limit);
    const hostOf = hostsOf(state);
    return { appId: id, reasons: page.map((each) => presentReason(each, hostOf)) };
  }
}
