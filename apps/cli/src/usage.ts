// Help texts, made from the command table.
import { describeOptions } from '#libs/configuration';
import type { Command } from './command.js';
import { COMMANDS, COMMON_OPTIONS } from './command-table.js';

const SERVERS: readonly (readonly [string, string])[] = [
  ['up [FILE…]', 'start everything on this host: Postgres, control plane, agent, proxy'],
  ['control-plane', 'the control plane alone'],
  ['agent', 'an agent alone, on each host that runs tasks'],
  ['proxy', 'a proxy alone'],
];

export function usage(): string {
  const rows = [
    ...SERVERS,
    ...COMMANDS.map(({ name, operands, summary }) => [`${name} ${operands}`.trim(), summary] as const),
  ];
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
  return [
    'usage: longrun COMMAND [options]',
    '',
    ...lines,
    '',
    '"longrun COMMAND --help" shows the options. Every option is also a variable: --api-port is LONGRUN_API_PORT.',
    '',
  ].join('\n');
}

const EXIT_CODES = '0 done, 1 refused or failed, 2 wrong use, 3 no server answers, 4 not done in time';

export function usageOf(command: Command): string {
  return [
    `usage: longrun ${[command.name, command.operands].filter(Boolean).join(' ')} [options]`,
    '',
    command.summary,
    '',
    ...(command.notes ? [...command.notes, ''] : []),
    ...describeOptions([...command.options, ...COMMON_OPTIONS]),
    '',
    `Exit codes: ${command.exitCodes ?? EXIT_CODES}.`,
    '',
  ].join('\n');
}
