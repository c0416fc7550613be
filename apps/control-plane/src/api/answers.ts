// Small things every controller needs: the rest of a wildcard path, who called, and the answer to a change (api.md 1.4).
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  definitionWarnings,
  presentDeploymentResult,
  presentDiff,
  presentPlan,
  type ChangePlan,
} from '#libs/api-contract';
import type { ApiCall, ChangeOptions, ControlCore, StartedDeployment } from '#libs/control-core';
import type { App, Cause } from '#libs/model';
import { isDryRun } from '../http/dry-run.js';
import { flag } from '../http/url-form.js';
import { rolloutWarnings } from './rollout-warnings.js';

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
  core: ControlCore,
  reply: FastifyReply,
  started: StartedDeployment,
  status = 200,
): object | Promise<object> {
  if (isDryRun(reply.request)) {
    void reply.status(200);
    return answerPlan(core, reply.request, started);
  }
  const { deploymentId, version } = started;
  void reply.status(status).header('Marathon-Deployment-Id', deploymentId);
  return presentDeploymentResult({ id: deploymentId, version });
}

/** All of the changed apps, and what is new with others: a host that goes to another one. */
function warningsOfChange(
  { state, routes }: ControlCore,
  apps: readonly App[],
): NonNullable<ChangePlan['warnings']> {
  const changed = new Map(apps.filter(({ removing }) => !removing).map((app) => [app.id, app]));
  const before = new Set(routes.warnings(state).map(({ appId, text }) => `${appId} ${text}`));
  const routing = routes
    .warningsWith(state, apps)
    .filter(({ appId, text }) => changed.has(appId) || !before.has(`${appId} ${text}`));
  const own = [...changed.values()].flatMap((app) =>
    [...definitionWarnings(app.current.spec), ...rolloutWarnings(app)].map((text) => ({
      appId: app.id,
      text,
    })),
  );
  return [...routing, ...own].map(({ appId, text }) => ({ appId, text }));
}

/** Of a dry run: the steps, and all that can be foreseen of them. */
export async function answerPlan(
  core: ControlCore,
  request: FastifyRequest,
  { steps, foreseeable }: StartedDeployment,
): Promise<object> {
  if (!foreseeable) return presentPlan(steps);
  const warnings = warningsOfChange(core, foreseeable.apps);
  const { changes, groupChanges = [] } = foreseeable.deployment;
  const diff = presentDiff(changes, groupChanges, { showEnv: flag(request.query, 'showEnv') });
  return { ...presentPlan(steps), plan: { diff, warnings, ...(await foreseeable.foresee()) } };
}

export const changeOptions = (request: FastifyRequest): Required<ChangeOptions> => ({
  force: flag(request.query, 'force'),
  dryRun: isDryRun(request),
  by: requestCause(request),
});
