// `dryRun=true`: who sends it wants to know what a change would do, and nothing of it done (docs/reference/api.md). Calls that make
// no plan refuse it: carried out all the same they would do just what the caller meant to avoid, a lost agent or a stopped cluster.
import type { FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import { flag } from './url-form.js';

/** Changes below these answer with their plan; what is not named here must refuse. */
const PLANNED = /^(\/v2\/(apps|groups|tasks|deployments)|\/v3\/plan|\/v3\/apps(?!.*\/settings$))(\/|$)/;
const READS = ['GET', 'HEAD', 'OPTIONS'];

export const isDryRun = ({ query }: Pick<FastifyRequest, 'query'>): boolean => flag(query, 'dryRun');

/** Throws the 422 for a change that cannot be planned. `path` without query. */
export function refuseUnplanned(path: string, request: Pick<FastifyRequest, 'method' | 'query'>): void {
  if (READS.includes(request.method) || !isDryRun(request) || PLANNED.test(path)) return;
  throw failures.invalidArgument(
    `${request.method} ${path.slice(0, 200)} makes no plan, so it cannot be asked with dryRun=true. Nothing was done.`,
  );
}
