// Small things every controller needs: the rest of a wildcard path, who called, and the answer to a change (api.md 1.4).
import type { FastifyReply, FastifyRequest } from 'fastify';
import { presentDeploymentResult } from '#libs/api-contract';
import type { ApiCall, StartedDeployment } from '#libs/control-core';

/** What `*` stands for, percent-decoded. */
export function restOf(request: FastifyRequest): string {
  const params = request.params as Readonly<Record<string, string>>;
  return params['*'] ?? '';
}

export const callOf = (request: FastifyRequest): ApiCall => ({
  clientIp: request.ip,
  uri: request.url.split('?')[0] ?? request.url,
});

/** Sets status and header; gives the body. */
export function answerChange(
  reply: FastifyReply,
  { deploymentId, version }: StartedDeployment,
  status = 200,
): object {
  void reply.status(status).header('Marathon-Deployment-Id', deploymentId);
  return presentDeploymentResult({ id: deploymentId, version });
}
