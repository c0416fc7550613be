// `/v2/apps` and everything below it (api.md 3). Ids hold slashes, so one route per method takes the rest of the path and
// `readAppPath` says what it means. Parse, call, present: nothing is decided here.
import { Controller, Delete, Get, HttpCode, Inject, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  embedsOfList,
  embedsOfSingle,
  failures,
  matchesFilter,
  parseLabelSelector,
  presentApp,
  presentCreatedApp,
  presentVersion,
} from '#libs/api-contract';
import {
  parentGroupOf,
  requireApp,
  requireTask,
  tasksOnHost,
  type ControlCore,
  type StartedDeployment,
} from '#libs/control-core';
import { asTaskId, parseTimestamp, showApp, type AppId } from '#libs/model';
import { bestType } from '../http/accept.js';
import { readJson } from '../http/json-body.js';
import { flag, text, values } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { readAppPath, type AppPath } from './app-path.js';
import { answerChange, callOf, restOf } from './answers.js';
import { appIdOf, appsBelow, appView, shownApps, taskOf, tasksOf, taskViews } from './views.js';
import { sendTasks } from './task-lists.js';

@ApiTags('apps')
@Controller()
export class AppsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('v2/apps')
  @ApiOperation({ summary: 'All apps; filters id, cmd, label; embed=apps.tasks, apps.counts, …' })
  list(@Req() request: FastifyRequest): object {
    const { state, clock } = this.core;
    const { query } = request;
    const [id, cmd, label] = [text(query, 'id'), text(query, 'cmd'), text(query, 'label')];
    const selector = label === undefined ? null : parseLabelSelector(label);
    if (selector?.kind === 'unreadable') throw failures.invalidLabelSelector(label ?? '', selector.reason);
    const filter = {
      ...(id === undefined ? {} : { id }),
      ...(cmd === undefined ? {} : { cmd }),
      ...(selector ? { labels: selector.matches } : {}),
    };
    const embeds = embedsOfList(values(query, 'embed'));
    const now = clock.now();
    const apps = shownApps(state).filter(({ current }) => matchesFilter(current, filter));
    return { apps: apps.map((app) => presentApp(appView(app, state, now), embeds, now)) };
  }

  @Post('v2/apps')
  @ApiOperation({ summary: 'Create an app; answers 201 at once with the deployment' })
  async create(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const body = readJson(request);
    const app = await this.core.apps.create(body, flag(request.query, 'force'), callOf(request));
    answerChange(reply, app, 201);
    void reply.header('Location', `/v2/apps${app.asked.id}`);
    return presentCreatedApp(showApp(app.asked), app.version, app.deploymentId);
  }

  @Put('v2/apps')
  @ApiOperation({ summary: 'Create or change many apps in one deployment' })
  async putMany(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answerChange(
      reply,
      await this.#updateMany(request, flag(request.query, 'partialUpdate', true), true),
    );
  }

  @Patch('v2/apps')
  @ApiOperation({ summary: 'Change many apps in one deployment; unknown ones are refused' })
  async patchMany(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answerChange(reply, await this.#updateMany(request, true, false));
  }

  @Get('v2/apps/*')
  @ApiOperation({
    summary: 'One app: ID, ID/tasks, ID/versions, ID/versions/VERSION, GROUP/*, GROUP/*/tasks',
  })
  async read(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const path = readAppPath(restOf(request));
    switch (path.kind) {
      case 'app':
        return { app: this.#present(appIdOf(path.id), request) };
      case 'group':
        return this.#group(path.id, request);
      case 'tasks':
      case 'group-tasks':
        return this.#tasks(path, request, reply);
      case 'versions':
        return this.#versions(appIdOf(path.id));
      case 'version':
        return this.#version(appIdOf(path.id), path.version);
      default:
        throw failures.methodNotAllowed();
    }
  }

  @Put('v2/apps/*')
  @ApiOperation({
    summary: 'Change an app (partialUpdate=true by default), roll back with {"version"}, or create it',
  })
  put(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    return this.#update(request, reply, flag(request.query, 'partialUpdate', true), true);
  }

  @Patch('v2/apps/*')
  @ApiOperation({ summary: 'Change an app that exists' })
  patch(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    return this.#update(request, reply, true, false);
  }

  @Post('v2/apps/*')
  @HttpCode(200)
  @ApiOperation({ summary: 'ID/restart: replace all instances under the upgrade strategy' })
  async restart(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const path = readAppPath(restOf(request));
    if (path.kind !== 'restart') throw failures.methodNotAllowed();
    const started = await this.core.apps.restart(appIdOf(path.id), flag(request.query, 'force'));
    return answerChange(reply, started);
  }

  @Delete('v2/apps/*')
  @ApiOperation({
    summary: 'Remove ID, or kill its tasks: ID/tasks, ID/tasks/TASK (host, scale, wipe, force)',
  })
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
    return answerChange(reply, await this.core.apps.remove([id], force, parentGroupOf(id)));
  }

  #present(id: AppId, request: FastifyRequest): object {
    const { state, clock } = this.core;
    const now = clock.now();
    const embeds = embedsOfSingle(values(request.query, 'embed'));
    return presentApp(appView(requireApp(state, id), state, now), embeds, now);
  }

  #group(path: string, request: FastifyRequest): object {
    const { state, clock } = this.core;
    const now = clock.now();
    const embeds = embedsOfSingle(values(request.query, 'embed'));
    const apps = this.#groupApps(path);
    return { '*': apps.map((app) => presentApp(appView(app, state, now), embeds, now)) };
  }

  #groupApps(path: string): ReturnType<typeof appsBelow> {
    const apps = appsBelow(`/${path}`, this.core.state);
    if (!apps.length && path !== '') throw failures.groupNotFound(`/${path}`);
    return apps;
  }

  #tasks(path: AppPath, request: FastifyRequest, reply: FastifyReply): object {
    const { state, clock } = this.core;
    const apps = path.kind === 'tasks' ? [requireApp(state, appIdOf(path.id))] : this.#groupApps(path.id);
    const now = clock.now();
    const asText = bestType(request.headers.accept, ['application/json', 'text/plain']) === 'text/plain';
    const views = apps.map((app) => ({ spec: app.current.spec, tasks: taskViews(app.id, state, now) }));
    return sendTasks(reply, views, { asText, withServicePorts: false });
  }

  async #versions(id: AppId): Promise<object> {
    requireApp(this.core.state, id);
    const versions = await this.core.store.versions(id);
    return { versions: versions.map(({ version }) => version) };
  }

  async #version(id: AppId, versionText: string): Promise<object> {
    const version = parseTimestamp(versionText);
    if (!version) throw failures.invalidTimestamp(versionText);
    requireApp(this.core.state, id);
    const versions = await this.core.store.versions(id);
    const found = versions.find((each) => each.version === version);
    if (!found) throw failures.appNotFound(id, version);
    return presentVersion(found);
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
    const options = { force: flag(request.query, 'force'), partial, mayCreate };
    const app = await this.core.apps.update(appIdOf(path.id), body, options, callOf(request));
    return answerChange(reply, app, app.created ? 201 : 200);
  }

  #updateMany(request: FastifyRequest, partial: boolean, mayCreate: boolean): Promise<StartedDeployment> {
    const options = { force: flag(request.query, 'force'), partial, mayCreate };
    return this.core.apps.updateMany(readJson(request), options);
  }

  async #killAll(id: AppId, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const { scale, wipe, force } = killOptions(request);
    const host = text(request.query, 'host');
    if (!scale) {
      const killed = await this.core.tasks.kill((state) => {
        requireApp(state, id);
        return tasksOnHost(state, id, host);
      }, wipe);
      return { tasks: tasksOf(killed, this.core.state, this.core.clock.now()) };
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
    );
    return answerChange(reply, started);
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
      );
      return answerChange(reply, started);
    }
    const { state, clock } = this.core;
    requireApp(state, id);
    const shown = taskOf(requireTask(state, id, task), state, clock.now());
    await this.core.tasks.kill((current) => [requireTask(current, id, task)], wipe);
    const after = this.core.state.instanceOfTask(asTaskId(shown.id));
    return { task: after ? taskOf(after, this.core.state, clock.now()) : shown };
  }
}

function killOptions({ query }: FastifyRequest): { scale: boolean; wipe: boolean; force: boolean } {
  const options = { scale: flag(query, 'scale'), wipe: flag(query, 'wipe'), force: flag(query, 'force') };
  if (options.scale && options.wipe) throw failures.scaleAndWipe();
  return options;
}
