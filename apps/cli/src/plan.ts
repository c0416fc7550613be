// Asks the server what a change would do, and shows it: what differs, the steps with what starts and stops where, the peak, the verdict.
// Exit codes: 0 it goes through, 5 it does not (no room, or it would fail), 6 too large to tell.
import type { ChangePlan, DeploymentInfo } from '#libs/api-contract';
import type { Option } from '#libs/configuration';
import type { RawApp } from '#libs/model';
import { forceQuery } from './change.js';
import type { CommandContext } from './command.js';
import { planLines } from './output/plan-lines.js';

export const PLAN_OPTIONS: readonly Option[] = [
  { name: 'show-env', kind: 'flag', help: 'show values of the environment, which may be secrets, in a plan' },
];

export interface PlanAnswer {
  readonly steps: DeploymentInfo['steps'];
  readonly plan: ChangePlan;
}

/** `force`: as in a query. */
export async function showPlan(
  context: CommandContext,
  files: readonly RawApp[],
  force = forceQuery(context),
): Promise<number> {
  const { api, settings, output } = context;
  const showEnv = settings.flag('show-env');
  const answer = await api.post<PlanAnswer>(
    `/v3/plan?partialUpdate=false&showEnv=${showEnv}&${force}`,
    files.map(({ body }) => body),
  );
  output.result(answer, () => planLines(answer.steps, answer.plan).join('\n'));
  return exitCodeOf(answer.plan);
}

export function exitCodeOf({ outcome, fits }: Pick<ChangePlan, 'outcome' | 'fits'>): 0 | 5 | 6 {
  if (outcome.kind === 'unknown') return 6;
  return outcome.kind === 'succeeds' && fits ? 0 : 5;
}
