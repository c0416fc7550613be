// `longrun apps`: one line per app.
import type { AppAnswer } from '#libs/api-client';
import type { Command } from '../command.js';
import { healthWord, urlsOf } from '../output/app-lines.js';
import { proxyUrlOf } from '../proxy-url.js';

export const appsCommand: Command = {
  name: 'apps',
  operands: '',
  minOperands: 0,
  maxOperands: 0,
  summary: 'list the apps',
  options: [],
  async run({ api, settings, output }) {
    const { apps } = await api.get<{ apps: AppAnswer[] }>('/v2/apps');
    const proxyUrl = await proxyUrlOf({ api, settings });
    const rows = [...apps]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((app) => [
        app.id,
        healthWord(app),
        String(app.cpus),
        `${app.mem} MiB`,
        app.deployments.length ? 'deploying' : '-',
        urlsOf(app, proxyUrl)[0] ?? '-',
      ]);
    output.table(apps, ['APP', 'INSTANCES', 'CPUS', 'MEMORY', 'CHANGE', 'URL'], rows);
    return 0;
  },
};
