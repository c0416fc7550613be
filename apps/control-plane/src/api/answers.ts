// Small things every controller needs: the rest of a wildcard path, who called, and the answer to a change (api.md 1.4).
import type { FastifyReply, FastifyRequest } from 'fastify';
import { presentDeploymentResult, presentPlan } from '#libs/api-contract';
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

/** Sets status and header; gives the body. With `dryRun=true` it is the plan of what was not done. */
export function answerChange(
  reply: FastifyReply,
  { deploymentId, version, steps }: StartedDeployment,
  status = 200,
): object {
  if (isDryRun(reply.request)) {
    void reply.status(200);
    return presentPlan(steps);
  }
  void reply.status(status).header('Marathon-Deployment-Id', deploymentId);
  return presentDeploymentResult({ id: deploymentId, version });
}

export const changeOptions = (request: FastifyRequest): Required<ChangeOptions> => ({
  force: flag(request.query, 'force'),
  dryRun: isDryRun(request),
  by: requestCause(request),
});
