// Reading `/v2/apps` and everything below it (api.md 3). Ids hold slashes, so one route per method takes the rest of the path and
// `readAppPath` says what it means. Changes: app-changes.controller.ts.
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  embedsOfList,
  embedsOfSingle,
  failures,
  matchesFilter,
  parseLabelSelector,
  presentApp,
  presentVersion,
} from '#libs/api-contract';
import { requireApp, type ControlCore } from '#libs/control-core';
import { parseTimestamp, type AppId } from '#libs/model';
import { bestType } from '../http/accept.js';
import { pageOf } from '../http/page.js';
import { SlicedJson } from '../http/sliced-json.js';
import { text, values } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { readAppPath, type AppPath } from './app-path.js';
import { restOf } from './answers.js';
import { appIdOf, appsBelow, appText, appView, groupIdOf, shownApps, taskViews } from './views.js';
import { sendTasks } from './task-lists.js';

@Controller()
export class AppsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get('v2/apps')
  list(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
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
    const matching = shownApps(state).filter(({ current }) => matchesFilter(current, filter));
    const apps = pageOf(matching, { keyOf: (app) => [app.id] }, request, reply);
    return new SlicedJson({ apps: apps.map((app) => appText(app, embeds, state, now)) });
  }

  @Get('v2/apps/*')
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
    return new SlicedJson({ '*': apps.map((app) => appText(app, embeds, state, now)) });
  }

  #groupApps(path: string): ReturnType<typeof appsBelow> {
    const { state } = this.core;
    const group = groupIdOf(path);
    const apps = appsBelow(group, state);
    if (!apps.length && group !== '/' && !state.groups.has(group)) throw failures.groupNotFound(group);
    return apps;
  }

  #tasks(path: AppPath, request: FastifyRequest, reply: FastifyReply): object {
    const { state, clock } = this.core;
    const apps = path.kind === 'tasks' ? [requireApp(state, appIdOf(path.id))] : this.#groupApps(path.id);
    const now = clock.now();
    const asText = bestType(request.headers.accept, ['application/json', 'text/plain']) === 'text/plain';
    const views = apps.map((app) => ({ spec: app.current.spec, tasks: taskViews(app.id, state, now) }));
    const containerNetworks = values(request.query, 'containerNetworks');
    return sendTasks(reply, views, { asText, withServicePorts: false, containerNetworks });
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
}
