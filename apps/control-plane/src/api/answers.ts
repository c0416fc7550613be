// Small things every controller needs: the rest of a wildcard path, who called, and the answer to a change (api.md 1.4).
import type { FastifyReply, FastifyRequest } from 'fastify';
import { presentDeploymentResult, presentDiff, presentPlan } from '#libs/api-contract';
import type { ApiCall, ChangeOptions, StartedDeployment } from '#libs/control-core';
import type { Cause } from '#libs/model';
import { isDryRun } from '../http/dry-run.js';
import { flag } from '../http/url-form.js';

/** What `*` stands for, percent-decoded. */
export function restOf(request: FastifyRequest): string {
  const params = request.params as Readonly<Record<string, string>>;
  return params['*'] ?? '';
}

export const callOf = (request: FastifyRequest): ApiCall => ({
  clientIp: request.ip,
  uri: pathOf(request),
  by: requestCause(request),
});

/** As the root of what follows: method, path and address of the client; neither query nor body nor credentials. */
export const requestCause = (request: FastifyRequest): Cause => ({
  kind: 'request',
  text: `${request.method} ${pathOf(request).slice(0, PATH_SHOWN_MAX)} from ${request.ip}`,
});

/** Characters; ids may be long. */
const PATH_SHOWN_MAX = 500;
const pathOf = ({ url }: FastifyRequest): string => url.split('?')[0] ?? url;

/** Sets status and header; gives the body. With `dryRun=true` it is what the change would do, and nothing is done. */
export function answerChange(
  reply: FastifyReply,
  started: StartedDeployment,
  status = 200,
): object | Promise<object> {
  if (isDryRun(reply.request)) {
    void reply.status(200);
    return answerPlan(reply.request, started);
  }
  const { deploymentId, version } = started;
  void reply.status(status).header('Marathon-Deployment-Id', deploymentId);
  return presentDeploymentResult({ id: deploymentId, version });
}

/** Of a dry run: the steps, and all that can be foreseen of them. */
export async function answerPlan(
  request: FastifyRequest,
  { steps, foreseeable }: StartedDeployment,
): Promise<object> {
  if (!foreseeable) return presentPlan(steps);
  const { changes, groupChanges = [] } = foreseeable.deployment;
  const diff = presentDiff(changes, groupChanges, { showEnv: flag(request.query, 'showEnv') });
  return { ...presentPlan(steps), plan: { diff, ...(await foreseeable.foresee()) } };
}

export const changeOptions = (request: FastifyRequest): Required<ChangeOptions> => ({
  force: flag(request.query, 'force'),
  dryRun: isDryRun(request),
  by: requestCause(request),
});
