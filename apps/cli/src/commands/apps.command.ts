// `longrun apps`: one line per app.
import type { AppAnswer } from '#libs/api-client';
import type { Command } from '../command.js';
import { healthWord } from '../output/app-lines.js';
import { readWays } from '../ways.js';

export const appsCommand: Command = {
  name: 'apps',
  operands: '',
  minOperands: 0,
  maxOperands: 0,
  summary: 'list the apps',
  options: [],
  async run({ api, settings, output }) {
    const { apps } = await api.get<{ apps: AppAnswer[] }>('/v2/apps');
    const ways = await readWays({ api, settings });
    const rows = [...apps]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((app) => [
        app.id,
        healthWord(app),
        String(app.cpus),
        `${app.mem} MiB`,
        app.deployments.length ? 'deploying' : '-',
        ways.lines(app.id)[0] ?? '-',
      ]);
    output.table(apps, ['APP', 'INSTANCES', 'CPUS', 'MEMORY', 'CHANGE', 'ADDRESS'], rows);
    return 0;
  },
};
