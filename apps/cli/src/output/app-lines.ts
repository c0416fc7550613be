// One app in words: how many of its instances are where, and what in it has no effect.
import type { AppAnswer, WarningsAnswer } from '#libs/api-client';
import { fitting } from './wrap.js';

export const healthWord = ({ tasksRunning, tasksHealthy, instances, healthChecks }: AppAnswer): string => {
  const checked = (healthChecks?.length ?? 0) > 0;
  const good = checked ? tasksHealthy : tasksRunning;
  return `${good}/${instances} ${checked ? 'healthy' : 'running'}`;
};

/** As many instances are healthy (running, without health checks) as are wanted. */
export const isWhole = ({ tasksRunning, tasksHealthy, instances, healthChecks }: AppAnswer): boolean =>
  (healthChecks?.length ? tasksHealthy : tasksRunning) >= instances;

/** What in its definition has no effect: a label that is misspelt here would else be noticed by its absence only. */
export const warningLines = ({ warnings }: WarningsAnswer): readonly string[] =>
  fitting(warnings.map((text) => `  warning: ${text}`));
