// `/v2/groups`: the tree that follows from the ids of the apps (api.md 4), to read and to empty. Groups of their own come later.
import { Controller, Delete, Get, Inject, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { embedsOfGroup, failures, presentApp, type AppInfo } from '#libs/api-contract';
import { parentGroupOf, type ControlCore } from '#libs/control-core';
import { parseGroupId, timestampOf, type App } from '#libs/model';
import { readJson } from '../http/json-body.js';
import { flag, values } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { answerChange, restOf } from './answers.js';
import { appsBelow, appView } from './views.js';

interface GroupInfo {
  readonly id: string;
  readonly apps: readonly AppInfo[];
  readonly groups: readonly GroupInfo[];
  readonly pods: readonly never[];
  readonly dependencies: readonly never[];
  readonly version: string;
}

@ApiTags('groups')
@Controller('v2/groups')
export class GroupsController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get()
  @ApiOperation({ summary: 'The tree of all apps' })
  root(@Req() request: FastifyRequest): object {
    return this.#tree('/', request);
  }

  @Get('*')
  @ApiOperation({ summary: 'One group; with /apps at the end a list of all apps below it' })
  group(@Req() request: FastifyRequest): object {
    const [, outer, apps] = /^(?:(.*)\/)?(apps)\/*$/.exec(restOf(request)) ?? [];
    if (apps) return this.#appsBelow(outer ? groupIdOf(outer) : '/', request);
    return this.#tree(groupIdOf(restOf(request)), request);
  }

  @Delete()
  @ApiOperation({ summary: 'Remove all apps' })
  removeAll(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return this.#remove('/', request, reply);
  }

  @Delete('*')
  @ApiOperation({ summary: 'Remove a group with all its apps' })
  remove(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    return this.#remove(groupIdOf(restOf(request)), request, reply);
  }

  @Post(['', '*'])
  @ApiOperation({ summary: 'Refused: groups cannot be written yet' })
  create(@Req() request: FastifyRequest): never {
    return refuseGroup(readJson(request));
  }

  @Put(['', '*'])
  @ApiOperation({ summary: 'Refused: groups cannot be written yet' })
  replace(@Req() request: FastifyRequest): never {
    return refuseGroup(readJson(request));
  }

  @Patch(['', '*'])
  @ApiOperation({ summary: 'Refused: groups cannot be written yet' })
  change(@Req() request: FastifyRequest): never {
    return refuseGroup(readJson(request));
  }

  /** Nothing below an unknown group (api.md 4.1). */
  #appsBelow(group: string, request: FastifyRequest): readonly AppInfo[] {
    const { state, clock } = this.core;
    const now = clock.now();
    const embeds = embedsOfGroup(values(request.query, 'embed'));
    return appsBelow(group, state).map((app) => presentApp(appView(app, state, now), embeds, now));
  }

  async #remove(group: string, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const ids = appsBelow(group, this.core.state).map(({ id }) => id);
    if (!ids.length && group !== '/') throw failures.groupNotFound(group);
    const force = flag(request.query, 'force');
    return answerChange(reply, await this.core.apps.remove(ids, force, parentGroupOf(group)));
  }

  #tree(group: string, request: FastifyRequest): GroupInfo {
    const embed = values(request.query, 'embed');
    const asked = (name: string): boolean => !embed.length || embed.includes(name);
    const apps = appsBelow(group, this.core.state);
    if (!apps.length && group !== '/') throw failures.groupNotFound(group);
    const shown = { apps: asked('group.apps'), groups: asked('group.groups') };
    return this.#node(group, apps, shown, embedsOfGroup(embed));
  }

  #node(
    id: string,
    apps: readonly App[],
    shown: { readonly apps: boolean; readonly groups: boolean },
    embeds: ReturnType<typeof embedsOfGroup>,
  ): GroupInfo {
    const { state, clock } = this.core;
    const now = clock.now();
    const prefix = id === '/' ? '/' : `${id}/`;
    const below = apps.filter((app) => app.id.startsWith(prefix));
    const own = below.filter((app) => parentGroupOf(app.id) === id);
    const inner = below.filter((app) => parentGroupOf(app.id) !== id);
    const names = [...new Set(inner.map((app) => app.id.slice(prefix.length).split('/')[0] ?? ''))].sort();
    const newest = below.reduce((best, { current }) => (current.version > best ? current.version : best), '');
    return {
      id,
      apps: shown.apps ? own.map((app) => presentApp(appView(app, state, now), embeds, now)) : [],
      groups: shown.groups ? names.map((name) => this.#node(prefix + name, inner, shown, embeds)) : [],
      pods: [],
      dependencies: [],
      version: newest || timestampOf(state.officeSince),
    };
  }
}

function groupIdOf(text: string): string {
  const id = parseGroupId(text);
  if (!id) throw failures.groupNotFound(`/${text.replace(/^\/+/, '')}`);
  return id;
}

/** Never accepted and ignored: whoever sends a group must learn that its apps did not start. */
function refuseGroup(_body: unknown): never {
  throw failures.ruleViolation(
    '/',
    'writing groups is not supported yet by this version of Longrun. Send their apps, as a list, to PUT /v2/apps.',
  );
}
