// `readinessCheckResults` of apps and of deployments (api.md 3.3, behaviour.md 8): what the instances that a deployment started have
// answered so far. An instance that was not asked, or not yet, has no result.
import type { TaskView } from './tasks.js';

export interface ReadinessInfo {
  readonly name: string;
  readonly taskId: string;
  readonly ready: boolean;
  /** With `preserveLastResponse` only. */
  readonly lastResponse?: { readonly status: number; readonly contentType: string; readonly body: string };
}

export const presentReadiness = (views: readonly TaskView[]): readonly ReadinessInfo[] =>
  views.flatMap(({ instance, status, spec }) => {
    const [check] = spec.readinessChecks ?? [];
    const { readiness } = status ?? {};
    if (!check || !instance.asksReadiness || !instance.placed || !status || !readiness) return [];
    const { ready, lastResponse } = readiness;
    const shown = lastResponse ? { lastResponse } : {};
    return [{ name: check.name, taskId: status.taskId, ready, ...shown }];
  });
