// `longrun explain APP`: agents by predicates for the next instance of an app, and the smallest change that would let it run.
import type { ExplainAnswer } from '#libs/api-contract';
import { appPathOf, type Command } from '../command.js';
import { CommandFailed } from '../exit.js';
import { explainLines } from '../output/explain-lines.js';

export const explainCommand: Command = {
  name: 'explain',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'show where the next instance of an app fits, what is missing on each agent, and what would help',
  options: [
    {
      name: 'agents',
      kind: 'number',
      help: 'agents in the table, those that lack least first; --json has all',
      default: '20',
    },
  ],
  /** To explain is to answer, so 0 also when nothing fits; `place` in the JSON tells scripts. */
  async run({ api, settings, output }) {
    const agents = settings.number('agents');
    if (agents < 1) throw new CommandFailed('--agents must be 1 or more', 2);
    const answer = await api.get<ExplainAnswer>(`/v3/apps${appPathOf(settings.operands[0] ?? '')}/explain`);
    output.result(answer, () => explainLines(answer, { agents }).join('\n'));
    return 0;
  },
};
