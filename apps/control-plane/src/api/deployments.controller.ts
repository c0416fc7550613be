// `/v2/deployments` (api.md 7), and with their end and reason `/v3/deployments` (promise 4).
import { Controller, Delete, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  failures,
  presentDeployment,
  presentDeploymentStory,
  presentPlan,
  presentReadiness,
  type ReadinessOf,
} from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { asDeploymentId, type Deployment } from '#libs/model';
import { outlookOf } from '#libs/reconciler';
import { DEPLOYMENTS_KEPT } from '#libs/store';
import { pageOf, readPage } from '../http/page.js';
import { CORE } from '../tokens.js';
import { answerChange, changeOptions } from './answers.js';
import { taskViews } from './views.js';

/** Ended ones that a list without `limit` shows. */
const HISTORY_LENGTH = 50;

@Controller()
export class DeploymentsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('v2/deployments')
  list(): object {
    const readinessOf = this.#readiness();
    return [...this.core.state.deployments.values()].map((each) => presentDeployment(each, readinessOf));
  }

  @Delete('v2/deployments/:id')
  async cancel(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const { deployments } = this.core;
    const { force, dryRun, by } = changeOptions(request);
    if (!force)
      return answerChange(this.core, reply, await deployments.rollBack(asDeploymentId(id), dryRun, by));
    await deployments.cancel(asDeploymentId(id), dryRun);
    if (dryRun) return presentPlan([]);
    void reply.status(202);
    return undefined;
  }

  @Get('v3/deployments')
  async stories(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { limit, after } = readPage(request);
    const isPaged = limit !== undefined || after !== undefined;
    // the running ones first: one that ends meanwhile is then in both, and shown as it ended
    const running = [...this.core.state.deployments];
    const ended = await this.core.store.history(isPaged ? DEPLOYMENTS_KEPT : HISTORY_LENGTH);
    const known = new Map([...running, ...ended.map((each) => [each.id, each] as const)]);
    // by what never changes of a deployment, unlike its end
    const keyOf = ({ version, id }: Deployment) => [version, id];
    const all = [...known.values()].sort((a, b) => (keyOf(a).join(' ') < keyOf(b).join(' ') ? 1 : -1));
    const page = pageOf(all, { keyOf, descending: true }, request, reply);
    const readinessOf = this.#readiness();
    return {
      deployments: page.map((each) =>
        each.status === 'running' ? this.#runningStory(each, readinessOf) : presentDeploymentStory(each),
      ),
    };
  }

  @Get('v3/deployments/:id')
  async story(@Param('id') id: string): Promise<object> {
    const running = this.core.state.deployments.get(asDeploymentId(id));
    const found = running ?? (await this.core.store.deployment(asDeploymentId(id)));
    if (!found) throw failures.deploymentNotFound(id);
    return running ? this.#runningStory(found, this.#readiness()) : presentDeploymentStory(found);
  }

  #runningStory(deployment: Deployment, readinessOf: ReadinessOf): object {
    const { state, clock } = this.core;
    return presentDeploymentStory(deployment, readinessOf, outlookOf(deployment, state, clock.now()));
  }

  /** Of running deployments only: the answers of others are over. */
  #readiness(): ReadinessOf {
    const { state, clock } = this.core;
    return (app) => presentReadiness(taskViews(app, state, clock.now()));
  }
}
