// `/v2/tasks` (api.md 6): all tasks, and killing several by id.
import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures, taskStatusFilter } from '#libs/api-contract';
import type { ControlCore, Selection } from '#libs/control-core';
import { asTaskId } from '#libs/model';
import { bestType } from '../http/accept.js';
import { readJson } from '../http/json-body.js';
import { flag, values } from '../http/url-form.js';
import { CORE } from '../tokens.js';
import { answerChange, changeOptions } from './answers.js';
import { pageOfTasks, sendTasks } from './task-lists.js';
import { shownApps, tasksOf, taskViews } from './views.js';
import { untilEnded } from './wiped-tasks.js';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** The forms that Marathon can read (behaviour.md 15), but no instance id. */
const TASK_ID = new RegExp(
  `^[^/]+\\.(?:${UUID}(?:\\.\\d+)?|(?:instance|marathon)-${UUID}\\.[^./]+(?:\\.\\d+)?)$`,
  'i',
);

@Controller('v2/tasks')
export class TasksController {
  constructor(@Inject(CORE) private readonly core: ControlCore) {}

  @Get()
  list(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const { state, clock } = this.core;
    const now = clock.now();
    const { query, headers } = request;
    const statuses = taskStatusFilter([...values(query, 'status'), ...values(query, 'status[]')]);
    const asText = bestType(headers.accept, ['application/json', 'text/plain']) === 'text/plain';
    if (!asText) return pageOfTasks(this.core, statuses, request, reply);
    const apps = shownApps(state).map((app) => ({
      spec: app.current.spec,
      tasks: taskViews(app.id, state, now),
    }));
    const containerNetworks = values(query, 'containerNetworks');
    return sendTasks(reply, apps, { asText, withServicePorts: true, statuses, containerNetworks });
  }

  @Post('delete')
  @HttpCode(200)
  async kill(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { query } = request;
    const [scale, wipe] = [flag(query, 'scale'), flag(query, 'wipe')];
    const ids = idsIn(readJson(request));
    if (scale && wipe) throw failures.scaleAndWipe();
    const select: Selection = (state) => {
      const found = ids.flatMap((id) => state.instanceOfTask(asTaskId(id)) ?? []);
      return [...new Set(found)].filter((each) => ids.includes(each.taskId ?? ''));
    };
    const { force, dryRun, by } = changeOptions(request);
    if (scale) {
      return answerChange(
        this.core,
        reply,
        await this.core.tasks.killAndScale(select, [], force, dryRun, by),
      );
    }
    const killed = await this.core.tasks.kill(select, wipe, dryRun, by);
    const tasks = tasksOf(killed, this.core.state, this.core.clock.now());
    if (wipe && !dryRun) await untilEnded(killed, this.core, reply);
    return { tasks };
  }
}

function idsIn(body: unknown): readonly string[] {
  const ids =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['ids'] : undefined;
  if (ids === undefined || ids === null) {
    throw failures.invalidDefinition({
      kind: 'problems',
      stage: 'schema',
      problems: [{ path: '/ids', errors: ["'ids' is undefined on object: {}"] }],
    });
  }
  if (!Array.isArray(ids) || !ids.every((each): each is string => typeof each === 'string')) {
    const errors = [Array.isArray(ids) ? 'error.expected.jsstring' : 'error.expected.jsarray'];
    throw failures.invalidDefinition({
      kind: 'problems',
      stage: 'schema',
      problems: [{ path: '/ids', errors }],
    });
  }
  const bad = ids.find((id) => !TASK_ID.test(id));
  if (bad !== undefined) throw failures.invalidTaskId(bad);
  return ids;
}
