// From anything to a pod that keeps every rule of Marathon's, or to all problems of the first stage that has any (app.md part B).
// Pods do not run yet, so there is no canonical form of them: who reads one accepts its mistakes being told, and refuses it then.
import type { AppId } from '../ids.js';
import { appIdFault, resolveId } from './app-id.js';
import { checkPodContainers } from './pod-container-rules.js';
import { checkPod, checkPodVolumes } from './pod-rules.js';
import { podSchema, type PodInput } from './pod-schema.js';
import { Problems, type ProblemList } from './problems.js';

export type ParsedPod = { readonly kind: 'ok'; readonly id: AppId; readonly pod: PodInput } | ProblemList;

/** Why a pod is refused that has no mistake; at `/`. */
export const PODS_UNSUPPORTED =
  'pods are not supported yet by this version of Longrun. Write its containers as apps.';

/** Never throws, whatever the input; `input` is not changed. */
export function parsePod(input: unknown): ParsedPod {
  const found = new Problems();
  const pod = podSchema(input, '', found);
  if (found.any || !pod) return found.as('schema');
  const id = resolveId(pod.id);
  // unlike an app's, the id has no group that it could start from
  const fault = pod.id.startsWith('/') ? appIdFault(id) : 'Path needs to be absolute';
  if (fault !== null) found.add('/id', fault);
  checkPod(pod, found);
  checkPodVolumes(pod, found);
  checkPodContainers(pod, found);
  return found.any ? found.as('rules') : { kind: 'ok', id, pod };
}
