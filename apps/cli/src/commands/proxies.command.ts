// `longrun proxies`: the proxies that are registered, which table each serves by, and what they warn of.
import type { ProxiesAnswer } from '#libs/api-client';
import type { Command } from '../command.js';
import { proxyLines } from '../output/proxy-lines.js';

export const proxiesCommand: Command = {
  name: 'proxies',
  operands: '',
  minOperands: 0,
  maxOperands: 0,
  summary: 'show the proxies: where they are, their groups, the table each serves by, and their warnings',
  options: [],
  async run({ api, output }) {
    const answer = await api.get<ProxiesAnswer>('/v3/proxies');
    output.result(answer, () => proxyLines(answer, Date.now()).join('\n'));
    return 0;
  },
};
