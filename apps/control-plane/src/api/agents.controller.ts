// Agents and what runs on them (`/v3`): state of the hosts, instances with their reasons, logs read through the agent's session.
import { Controller, Delete, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures, presentAgent, presentInstance } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';
import { asAgentId, asInstanceId, asTaskId, type Instance, type TaskId } from '#libs/model';
import { randomIds } from '#libs/time';
import type { AgentGateway } from '../agents/agent-gateway.js';
import { pageOf } from '../http/page.js';
import { JsonText, SlicedJson } from '../http/sliced-json.js';
import { flag, text } from '../http/url-form.js';
import { AGENT_GATEWAY, CORE } from '../tokens.js';
import { requestCause } from './answers.js';
import { taskView } from './views.js';

/** Of one log, for a reader that is slower than the agent; more than a whole file of a log before it is rotated. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;
/** One who follows a task that says nothing gets the head of the answer after this; no client waits for a head for ever. */
const QUIET_MS = 1_000;

@Controller('v3')
export class AgentsController {
  constructor(
    @Inject(CORE) private readonly core: ControlCore,
    @Inject(AGENT_GATEWAY) private readonly gateway: AgentGateway,
  ) {}

  @Get('agents')
  agents(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const agents = [...this.core.state.agents.values()].sort((a, b) => (a.info.id < b.info.id ? -1 : 1));
    const page = pageOf(agents, { keyOf: ({ info }) => [info.id] }, request, reply);
    return { agents: page.map(presentAgent) };
  }

  @Delete('agents/:id')
  async declareLost(@Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    const agent = asAgentId(id);
    if (!(await this.core.agents.declareLost(agent, requestCause(request))))
      throw failures.notFound('Agent', id);
    // one that is alive after all would stay lost for as long as its session holds, and get no task
    this.gateway.endSession(agent, 'declared lost by a person');
    return { message: `Agent ${id} is declared lost` };
  }

  @Get('instances')
  instances(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): SlicedJson {
    const { state, clock } = this.core;
    const app = text(request.query, 'app');
    const now = clock.now();
    const chosen = [...state.instances()].filter(({ appId }) => app === undefined || appId === app);
    chosen.sort((a, b) => (a.id < b.id ? -1 : 1));
    const page = pageOf(chosen, { keyOf: ({ id }) => [id] }, request, reply);
    const views = page.map((each) => taskView(each, state, now));
    return new SlicedJson({
      instances: views.map((view) => new JsonText(() => JSON.stringify(presentInstance(view)))),
    });
  }

  @Get('instances/:id')
  instance(@Param('id') id: string): object {
    const { state, clock } = this.core;
    const found = state.instance(asInstanceId(id));
    if (!found) throw failures.notFound('Instance', id);
    return presentInstance(taskView(found, state, clock.now()));
  }

  @Get('instances/:id/logs')
  instanceLogs(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const found = this.core.state.instance(asInstanceId(id));
    if (!found?.taskId) throw failures.notFound('Instance', id);
    this.#sendLog(found, asTaskId(text(request.query, 'task') ?? found.taskId), request, reply);
  }

  @Get('tasks/:id/logs')
  taskLogs(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const found = this.core.state.instanceOfTask(asTaskId(id));
    if (!found) throw failures.taskNotFound(id);
    this.#sendLog(found, asTaskId(id), request, reply);
  }

  #sendLog(instance: Instance, taskId: TaskId, request: FastifyRequest, reply: FastifyReply): void {
    const { query } = request;
    const from = Number(text(query, 'from') ?? 0);
    const { raw } = reply;
    let began = false;
    const begin = (): void => {
      if (began) return;
      began = true;
      raw.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
      raw.flushHeaders();
    };
    reply.hijack();
    const cancel =
      instance.agentId &&
      this.gateway.readLog(
        instance.agentId,
        {
          request: randomIds.uuid(),
          instanceId: instance.id,
          taskId,
          stream: text(query, 'stream') === 'stderr' ? 'stderr' : 'stdout',
          from: Number.isSafeInteger(from) ? from : 0,
          follow: flag(query, 'follow'),
        },
        ({ text: chunk, end, error }) => {
          if (error !== undefined && !began) return fail(error);
          begin();
          // the session cannot wait, for it also carries heartbeats: a reader this far behind is cut off
          if (raw.writableLength > UNREAD_BYTES_MAX) return void raw.destroy();
          raw.write(chunk);
          if (end) raw.end();
        },
      );
    if (!cancel) return fail('the agent of this task is not connected');
    const quiet = flag(query, 'follow') ? this.core.clock.after(QUIET_MS, begin) : null;
    raw.once('close', () => {
      quiet?.cancel();
      cancel();
    });

    function fail(message: string): void {
      began = true;
      raw.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '3' });
      raw.end(JSON.stringify({ message: `The log cannot be read now: ${message}` }));
    }
  }
}
