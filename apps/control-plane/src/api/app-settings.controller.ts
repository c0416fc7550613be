// The writing half of `/v3/apps/ID`: a definition that supersedes what is under way, the way back, and what is set beside the definition:
// the settings and the shares of the traffic.
// Which of them is meant is told by the end of the path, for ids hold slashes.
import { Controller, Delete, HttpCode, Inject, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import type { AppId } from '#libs/model';
import { readJson } from '../http/json-body.js';
import { flag } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { answerChange, callOf, changeOptions, requestCause, restOf } from './answers.js';
import { trafficAnswer } from './traffic-answer.js';
import { appIdOf } from './views.js';

@Controller('v3/apps')
export class AppSettingsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Put('*')
  async put(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const body = readJson(request);
    const shared = appOf('traffic', request);
    if (shared !== null) {
      this.#refuseGroup(shared);
      await this.core.appTraffic.put(shared, body, requestCause(request));
      return trafficAnswer(this.core, shared);
    }
    const id = appOf('settings', request);
    if (id !== null) return { appId: id, settings: await this.core.appSettings.put(id, body) };
    const partial = flag(request.query, 'partialUpdate', true);
    const options = { ...changeOptions(request), force: true, partial, mayCreate: true };
    const app = await this.core.apps.update(appIdOf(restOf(request)), body, options, callOf(request));
    return answerChange(this.core, reply, app, app.created ? 201 : 200);
  }

  /** Shares are between versions of one app. */
  #refuseGroup(id: AppId): void {
    const { state, routes } = this.core;
    const group = state.apps.has(id) ? undefined : routes.groups(state).find((each) => each.id === id);
    if (group)
      throw failures.conflict(
        `${id} is the deployment group of ${group.apps.join(', ')}, and no app: HAPROXY_DEPLOYMENT_NEW_INSTANCES divides its traffic`,
      );
  }

  @Post('*')
  @HttpCode(200)
  async rollBack(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const [, id] = /^(.+)\/rollback$/.exec(restOf(request)) ?? [];
    if (id === undefined) throw failures.methodNotAllowed();
    const { dryRun, by } = changeOptions(request);
    const { rollback, ...started } = await this.core.rollback.run(appIdOf(id), { dryRun, by });
    return { ...(await answerChange(this.core, reply, started)), rollback };
  }

  @Delete('*')
  @HttpCode(204)
  async reset(@Req() request: FastifyRequest): Promise<void> {
    const shared = appOf('traffic', request);
    if (shared !== null) return this.core.appTraffic.reset(shared);
    const id = appOf('settings', request);
    if (id === null) throw failures.methodNotAllowed();
    await this.core.appSettings.reset(id);
  }
}

/** Null: the path is that of something else. */
function appOf(what: 'settings' | 'traffic', request: FastifyRequest): ReturnType<typeof appIdOf> | null {
  const rest = restOf(request);
  return rest.endsWith(`/${what}`) ? appIdOf(rest.slice(0, -what.length - 1)) : null;
}
