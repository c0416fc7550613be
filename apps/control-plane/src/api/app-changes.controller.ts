// Changing apps and killing their tasks: the writing half of `/v2/apps` (api.md 3.4-3.10). Parse, call, present: nothing is decided here.
import { Controller, Delete, HttpCode, Inject, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures, presentCreatedApp } from '#libs/api-contract';
import {
  requireApp,
  requireTask,
  tasksOnHost,
  type ControlCore,
  type StartedDeployment,
  type WorkingSet,
} from '#libs/control-core';
import { asTaskId, showApp, type AppId, type Instance } from '#libs/model';
import { isDryRun } from '../http/dry-run.js';
import { readJson } from '../http/json-body.js';
import { flag, text } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { readAppPath } from './app-path.js';
import { answerChange, callOf, changeOptions, requestCause, restOf } from './answers.js';
import { appIdOf, taskOf, tasksOf } from './views.js';
import { untilEnded } from './wiped-tasks.js';

@Controller()
export class AppChangesController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Post('v2/apps')
  async create(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const body = readJson(request);
    const { force, dryRun } = changeOptions(request);
    const app = await this.core.apps.create(body, force, callOf(request), dryRun);
    const answer = answerChange(this.core, reply, app, 201);
    if (dryRun) return answer;
    void reply.header('Location', `/v2/apps${app.asked.id}`);
    return presentCreatedApp(showApp(app.asked), app.version, app.deploymentId);
  }

  @Put('v2/apps')
  async putMany(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answerChange(
      this.core,
      reply,
      await this.#updateMany(request, flag(request.query, 'partialUpdate', true), true),
    );
  }

  @Patch('v2/apps')
  async patchMany(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answerChange(this.core, reply, await this.#updateMany(request, true, false));
  }

  @Put('v2/apps/*')
  put(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    return this.#update(request, reply, flag(request.query, 'partialUpdate', true), true);
  }

  @Patch('v2/apps/*')
  patch(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    return this.#update(request, reply, true, false);
  }

  @Post('v2/apps/*')
  @HttpCode(200)
  async restart(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const path = readAppPath(restOf(request));
    if (path.kind !== 'restart') throw failures.methodNotAllowed();
    const { force, dryRun, by } = changeOptions(request);
    return answerChange(this.core, reply, await this.core.apps.restart(appIdOf(path.id), force, dryRun, by));
  }

  @Delete('v2/apps/*')
  async remove(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const path = readAppPath(restOf(request));
    if (path.kind === 'tasks') return this.#killAll(appIdOf(path.id), request, reply);
    if (path.kind === 'task') return this.#killOne(appIdOf(path.id), path.task, request, reply);
    if (path.kind !== 'app' && path.kind !== 'restart') throw failures.methodNotAllowed();
    const id = appIdOf(path.kind === 'restart' ? `${path.id}/restart` : path.id);
    const force = flag(request.query, 'force', true);
    const { dryRun, by } = changeOptions(request);
    return answerChange(this.core, reply, await this.core.apps.remove(id, force, dryRun, by));
  }

  async #update(
    request: FastifyRequest,
    reply: FastifyReply,
    partial: boolean,
    mayCreate: boolean,
  ): Promise<object> {
    const path = readAppPath(restOf(request));
    if (path.kind !== 'app') throw failures.methodNotAllowed();
    const body = readJson(request);
    const options = { ...changeOptions(request), partial, mayCreate };
    const app = await this.core.apps.update(appIdOf(path.id), body, options, callOf(request));
    return answerChange(this.core, reply, app, app.created ? 201 : 200);
  }

  #updateMany(request: FastifyRequest, partial: boolean, mayCreate: boolean): Promise<StartedDeployment> {
    const options = { ...changeOptions(request), partial, mayCreate };
    return this.core.apps.updateMany(readJson(request), options);
  }

  async #killAll(id: AppId, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const { scale, wipe, force } = killOptions(request);
    const host = text(request.query, 'host');
    if (!scale) {
      const select = (state: WorkingSet): readonly Instance[] => {
        requireApp(state, id);
        return tasksOnHost(state, id, host);
      };
      const by = requestCause(request);
      const killed = await this.core.tasks.kill(select, wipe, isDryRun(request), by);
      const tasks = tasksOf(killed, this.core.state, this.core.clock.now());
      if (wipe && !isDryRun(request)) await untilEnded(killed, this.core, reply);
      return { tasks };
    }
    const started = await this.core.tasks.killAndScale(
      (state) => {
        requireApp(state, id);
        const selected = tasksOnHost(state, id, host);
        if (!selected.length) throw failures.pathNotFound(id);
        return selected;
      },
      [id],
      force,
      isDryRun(request),
      requestCause(request),
    );
    return answerChange(this.core, reply, started);
  }

  async #killOne(id: AppId, task: string, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const { scale, wipe, force } = killOptions(request);
    if (scale) {
      const started = await this.core.tasks.killAndScale(
        (state) => {
          requireApp(state, id);
          return state.instancesOf(id).filter((each) => each.taskId === task);
        },
        [id],
        force,
        isDryRun(request),
        requestCause(request),
      );
      return answerChange(this.core, reply, started);
    }
    const { state, clock } = this.core;
    requireApp(state, id);
    const shown = taskOf(requireTask(state, id, task), state, clock.now());
    if (isDryRun(request)) return { task: shown };
    const select = (current: WorkingSet): readonly Instance[] => [requireTask(current, id, task)];
    const killed = await this.core.tasks.kill(select, wipe, false, requestCause(request));
    const after = this.core.state.instanceOfTask(asTaskId(shown.id));
    const answer = { task: after ? taskOf(after, this.core.state, clock.now()) : shown };
    if (wipe) await untilEnded(killed, this.core, reply);
    return answer;
  }
}

function killOptions({ query }: FastifyRequest): { scale: boolean; wipe: boolean; force: boolean } {
  const options = { scale: flag(query, 'scale'), wipe: flag(query, 'wipe'), force: flag(query, 'force') };
  if (options.scale && options.wipe) throw failures.scaleAndWipe();
  return options;
}
