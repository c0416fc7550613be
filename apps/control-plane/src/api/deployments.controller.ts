// `/v2/deployments` (api.md 7), and with their end and reason `/v3/deployments` (promise 4).
import { Controller, Delete, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  failures,
  presentDeployment,
  presentDeploymentStory,
  presentReadiness,
  type ReadinessOf,
} from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { asDeploymentId } from '#libs/model';
import { flag } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { answerChange } from './answers.js';
import { taskViews } from './views.js';

/** Ended ones that a list shows. */
const HISTORY_LENGTH = 50;

@ApiTags('deployments')
@Controller()
export class DeploymentsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('v2/deployments')
  @ApiOperation({ summary: 'Running deployments' })
  list(): object {
    const readinessOf = this.#readiness();
    return [...this.core.state.deployments.values()].map((each) => presentDeployment(each, readinessOf));
  }

  @Delete('v2/deployments/:id')
  @ApiOperation({ summary: 'Take a running deployment back; with force=true stop it where it is' })
  async cancel(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const { deployments } = this.core;
    if (!flag(request.query, 'force'))
      return answerChange(reply, await deployments.rollBack(asDeploymentId(id)));
    await deployments.cancel(asDeploymentId(id));
    void reply.status(202);
    return undefined;
  }

  @Get('v3/deployments')
  @ApiOperation({
    summary: 'Running deployments, then the last that ended, newest first, with their reasons',
  })
  async stories(): Promise<object> {
    const ended = await this.core.store.history(HISTORY_LENGTH);
    const running = [...this.core.state.deployments.values()];
    const readinessOf = this.#readiness();
    return {
      deployments: [
        ...running.map((each) => presentDeploymentStory(each, readinessOf)),
        ...ended.map((each) => presentDeploymentStory(each)),
      ],
    };
  }

  @Get('v3/deployments/:id')
  @ApiOperation({ summary: 'One deployment, running or ended' })
  async story(@Param('id') id: string): Promise<object> {
    const running = this.core.state.deployments.get(asDeploymentId(id));
    const found = running ?? (await this.core.store.deployment(asDeploymentId(id)));
    if (!found) throw failures.deploymentNotFound(id);
    return running ? presentDeploymentStory(found, this.#readiness()) : presentDeploymentStory(found);
  }

  /** Of running deployments only: the answers of others are over. */
  #readiness(): ReadinessOf {
    const { state, clock } = this.core;
    return (app) => presentReadiness(taskViews(app, state, clock.now()));
  }
}
