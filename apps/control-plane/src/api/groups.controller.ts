// `/v2/groups` (api.md 4): the tree as it is and as it was, and its changes. Ids hold slashes, so one route per method takes the rest
// of the path and `readGroupPath` says what it means. Nothing is decided here.
import { Controller, Delete, Get, HttpCode, Inject, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { embedsOfGroup, failures, groupEmbeds, presentGroup, presentPlan } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import {
  parseGroupId,
  parseTimestamp,
  timestampOf,
  type App,
  type AppVersion,
  type GroupId,
} from '#libs/model';
import { isDryRun } from '../http/dry-run.js';
import { readJson } from '../http/json-body.js';
import { SlicedJson, type JsonText } from '../http/sliced-json.js';
import { values } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { answerChange, changeOptions, restOf } from './answers.js';
import { readGroupPath } from './group-path.js';
import { appsBelow, appText, groupIdOf, shownApps } from './views.js';

/** Bodies of groups are read as JSON whatever type they are said to have. */
const ANY_TYPE = { anyType: true };

@Controller('v2/groups')
export class GroupsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get(['', '*'])
  async read(@Req() request: FastifyRequest): Promise<object> {
    const path = readGroupPath(restOf(request));
    switch (path.kind) {
      case 'group':
        return this.#tree(groupIdOf(path.id), request);
      case 'apps':
        return this.#appsBelow(path.id, request);
      case 'versions':
        return this.#versions(groupIdOf(path.id));
      case 'version':
        return this.#past(groupIdOf(path.id), path.version, request);
    }
  }

  @Post(['', '*'])
  async create(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const base = baseOf(request);
    const { groups, state } = this.core;
    const created = await groups.create(base, readJson(request, ANY_TYPE), changeOptions(request), state);
    const answer = answerChange(this.core, reply, created, 201);
    if (reply.statusCode === 201) void reply.header('Location', `/v2/groups${created.groupId}`);
    return answer;
  }

  @Put(['', '*'])
  async update(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { groups, state } = this.core;
    const options = changeOptions(request);
    const started = await groups.update(baseOf(request), readJson(request, ANY_TYPE), options, state);
    // Marathon has this dry run, and answers nothing but the steps (api.md 4.2); `/v3/plan` tells the rest
    return options.dryRun ? presentPlan(started.steps) : answerChange(this.core, reply, started);
  }

  @Patch(['', '*'])
  @HttpCode(200)
  async enforceRole(@Req() request: FastifyRequest): Promise<object | undefined> {
    const dryRun = isDryRun(request);
    await this.core.groups.setEnforceRole(baseOf(request), readJson(request, ANY_TYPE), dryRun);
    return dryRun ? presentPlan([]) : undefined;
  }

  @Delete(['', '*'])
  async remove(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const id = groupIdOf(restOf(request));
    return answerChange(this.core, reply, await this.core.groups.remove(id, changeOptions(request)));
  }

  #tree(id: GroupId, request: FastifyRequest): object {
    const { state, clock } = this.core;
    const embeds = groupEmbeds(values(request.query, 'embed'));
    const now = clock.now();
    const content = {
      groups: state.groups.values(),
      apps: shownApps(state),
      show: (app: App): JsonText => appText(app, embeds.ofApps, state, now),
      rootVersion: timestampOf(state.officeSince),
    };
    const shown = presentGroup(id, content, embeds);
    if (!shown) throw failures.groupNotFound(id);
    return new SlicedJson({ ...shown });
  }

  /** Nothing below an unknown group (api.md 4.1). */
  #appsBelow(path: string, request: FastifyRequest): object {
    const { state, clock } = this.core;
    const group = parseGroupId(path);
    const apps = group ? appsBelow(group, state) : [];
    const embeds = embedsOfGroup(values(request.query, 'embed'));
    const now = clock.now();
    return new SlicedJson(apps.map((app) => appText(app, embeds, state, now)));
  }

  async #versions(id: GroupId): Promise<object> {
    const { state, groups } = this.core;
    if (id !== '/' && !state.groups.has(id)) throw failures.groupNotFound(id);
    return groups.history.versions(id, state);
  }

  /** Definitions as they were; what was asked for besides them is that of now. */
  async #past(id: GroupId, text: string, request: FastifyRequest): Promise<object> {
    const version = parseTimestamp(text);
    if (!version) throw failures.invalidTimestamp(text);
    const past = await this.core.groups.history.at(version, id, this.core.state);
    if (!past) throw failures.groupNotFound(id, version);
    const { state, clock } = this.core;
    const embeds = groupEmbeds(values(request.query, 'embed'));
    const now = clock.now();
    const content = {
      groups: [...past.groups].map(([group, each]) => ({ id: group, ...each })),
      apps: [...past.apps].map(([app, current]) => ({ id: app, current })),
      show: (app: Pick<App, 'id'> & { readonly current: AppVersion }): JsonText =>
        appText(
          { removing: false, revision: 0, ...state.apps.get(app.id), ...app },
          embeds.ofApps,
          state,
          now,
        ),
      rootVersion: version,
    };
    const shown = presentGroup(id, content, embeds);
    if (!shown) throw failures.groupNotFound(id, version);
    return new SlicedJson({ ...shown });
  }
}

/** The group of the path, for a change: a text that can be no group's id is a violation like one in the body. */
function baseOf(request: FastifyRequest): GroupId {
  const id = parseGroupId(restOf(request));
  if (id) return id;
  const problems = [{ path: '/id', errors: ['error.pattern'] }];
  throw failures.invalidDefinition({ kind: 'problems', stage: 'schema', problems });
}
