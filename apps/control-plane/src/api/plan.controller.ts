// `POST /v3/plan`: what a change of apps or groups would do, before anybody does it. Parse, call, present: nothing is decided here.
import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ControlCore } from '#libs/control-core';
import { asAppId } from '#libs/model';
import { readJson } from '../http/json-body.js';
import { flag } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { answerPlan } from './answers.js';

@Controller('v3/plan')
export class PlanController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  /** A list is taken as by `PUT /v2/apps`, anything else as by `PUT /v2/groups`. */
  @Post()
  @HttpCode(200)
  async plan(@Req() request: FastifyRequest): Promise<object> {
    const { apps, groups, state } = this.core;
    const body = readJson(request);
    const force = flag(request.query, 'force');
    const partial = flag(request.query, 'partialUpdate', true);
    const started = Array.isArray(body)
      ? await apps.updateMany(body, { force, partial, mayCreate: true, dryRun: true })
      : await groups.update(asAppId('/'), body, { force, dryRun: true }, state);
    return answerPlan(this.core, request, started);
  }
}
