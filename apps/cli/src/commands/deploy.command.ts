// `longrun deploy FILE…`: makes the server run what the files say, in one deployment, and waits until it is healthy.
import type { AppAnswer, DeploymentAnswer, WarningsAnswer } from '#libs/api-client';
import { readAppFiles } from '../app-files.js';
import { finishChange, SUPERSEDING, waitUntilWhole } from '../change.js';
import { NEEDLESS_FORCE, WAIT_OPTIONS, type Command, type CommandContext } from '../command.js';
import { PLAN_OPTIONS, showPlan } from '../plan.js';
import { healthWord, warningLines } from '../output/app-lines.js';
import { readWays } from '../ways.js';

export const deployCommand: Command = {
  name: 'deploy',
  operands: 'FILE…',
  minOperands: 1,
  maxOperands: 100,
  summary:
    'create or update the apps of these files (JSON or YAML; an app, a list, a group) and wait until they are healthy',
  options: [
    ...WAIT_OPTIONS,
    NEEDLESS_FORCE,
    { name: 'dry-run', kind: 'flag', help: 'only show what would happen, as "longrun plan" does' },
    ...PLAN_OPTIONS,
  ],
  run: deploy,
};

async function deploy(context: CommandContext): Promise<number> {
  const { api, settings } = context;
  const files = await readAppFiles(settings.operands);
  if (settings.flag('dry-run')) return showPlan(context, files, SUPERSEDING);
  const answer = await api.put<DeploymentAnswer>(
    `/v2/apps?partialUpdate=false&${SUPERSEDING}`,
    files.map(({ body }) => body),
  );
  return finishChange(context, answer, async () => {
    const ids = files.map(({ id }) => id);
    const apps = await waitUntilWhole(context, ids, answer.version);
    const ways = await readWays(context);
    const lines = apps.map(async (app) => describe(app, ways.lines(app.id), await warningsOf(context, app)));
    return { value: { apps }, text: (await Promise.all(lines)).join('\n') };
  });
}

const warningsOf = ({ api }: CommandContext, { id }: AppAnswer): Promise<WarningsAnswer> =>
  api.get<WarningsAnswer>(`/v3/apps${id}/warnings`);

function describe(app: AppAnswer, ways: readonly string[], warned: WarningsAnswer): string {
  return [`${app.id}: ${healthWord(app)}`, ...ways.map((line) => `  ${line}`), ...warningLines(warned)].join(
    '\n',
  );
}
