// `longrun why ID`: from what an instance does, or why it is gone, to the root of it; `longrun why APP`: the last thing that happened to
// each of its instances.
import { ApiError, type ApiClient, type AppReasonsAnswer, type InstanceWhyAnswer } from '#libs/api-client';
import { appPathOf, type Command } from '../command.js';
import type { Output } from '../output/output.js';
import { ageOf, tableWithTexts } from '../output/table.js';
import { whyLines } from '../output/why-lines.js';

/** Reasons that are read for the list of an app: about ten of each of a hundred instances. */
const REASONS_READ = 1000;

export const whyCommand: Command = {
  name: 'why',
  operands: 'ID|APP',
  minOperands: 1,
  maxOperands: 1,
  summary:
    'show why an instance or task is as it is or is gone, or what happened last to each instance of an app',
  options: [],
  async run({ api, settings, output }) {
    const id = settings.operands[0] ?? '';
    // ids of instances and tasks have a dot and no slash; ids of apps may have dots, too
    const answer = id.includes('/') || !id.includes('.') ? null : await ofInstance(api, id);
    if (answer) output.result(answer, () => whyLines(answer));
    else await showApp(api, id, output);
    return 0;
  },
};

/** Null: there is an app of that id instead, and its list is wanted. */
async function ofInstance(api: ApiClient, id: string): Promise<InstanceWhyAnswer | null> {
  try {
    return await api.get<InstanceWhyAnswer>(`/v3/instances/${encodeURIComponent(id)}/why`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    const isApp = await api.get(`/v2/apps${appPathOf(id)}`).then(
      () => true,
      () => false,
    );
    if (isApp) return null;
    throw error;
  }
}

async function showApp(api: ApiClient, id: string, output: Output): Promise<void> {
  const answer = await api.get<AppReasonsAnswer>(`/v3/apps${appPathOf(id)}/why?limit=${REASONS_READ}`);
  const newest = new Map<string, AppReasonsAnswer['reasons'][number]>();
  for (const reason of answer.reasons) {
    if (!newest.has(reason.instanceId)) newest.set(reason.instanceId, reason);
  }
  const now = Date.now();
  const rows = [...newest.values()].map(({ instanceId, at, what, text }) => ({
    cells: [instanceId, ageOf(at, now), what],
    text,
  }));
  output.result(answer, () =>
    rows.length
      ? `${tableWithTexts(['INSTANCE', 'AGO', 'LAST'], rows)}\n\n"longrun why INSTANCE" shows the whole chain.`
      : `nothing has happened to ${answer.appId} yet: it has no instances ("longrun status ${answer.appId}" says what it waits for)`,
  );
}
