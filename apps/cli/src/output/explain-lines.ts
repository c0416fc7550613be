// An explanation for a terminal of 100 columns: the state, the table of agents and predicates, and what would let the instance run.
import type { ExplainAgent, ExplainAnswer, ExplainCell } from '#libs/api-contract';
import { counted } from '#libs/model';
import { inCliWords } from './cli-words.js';
import { table } from './table.js';
import { WIDTH, wrapped } from './wrap.js';

/** Of the columns of constraints; with more of them one column names those that fail. */
const CONSTRAINT_COLUMNS_MAX = 4;
/** However narrow the rest is. */
const NAME_MIN = 8;
/** Reasons in words, of the agents that lack least. */
const TOLD_MAX = 3;

export interface ExplainView {
  /** Rows of the table at most, those that lack least first. */
  readonly agents: number;
}

export function explainLines(answer: ExplainAnswer, { agents }: ExplainView): readonly string[] {
  return [
    ...wrapped(`${answer.appId}: ${answer.standing.text}`, ''),
    ...answer.holds.flatMap(({ text, instances }) =>
      wrapped(inCliWords(instances ? `- ${instances}: ${text}` : `- ${text}`), '  '),
    ),
    '',
    ...wrapped(nextText(answer), ''),
    ...agentTable(answer, agents),
    ...changeLines(answer),
  ];
}

function nextText({ next, agents }: ExplainAnswer): string {
  const { cpus, mem, disk, hostPorts, runtime, constraints } = next.needs;
  const any = hostPorts.filter((each) => each === 0).length;
  const fixed = hostPorts.filter((each) => each !== null && each !== 0);
  const needs = [
    ...[`${shown(cpus)} cores`, `${shown(mem)} MiB of memory`],
    ...(disk > 0 ? [`${shown(disk)} MiB of disk`] : []),
    ...fixed.map((each) => `host port ${each}`),
    ...(any ? [counted(any, 'free host port')] : []),
    `the ${runtime} runtime`,
    ...constraints.map((each, at) => `C${at + 1} (${each})`),
  ];
  const fleet = agents.length ? `of ${counted(agents.length, 'agent')}` : 'agent, for there is none';
  const where = next.place
    ? `fits on ${next.agentsThatFit} ${fleet} and would go to ${next.place.hostname}`
    : `fits on ${agents.length ? 'none' : 'no'} ${fleet}`;
  return `${capital(next.text)}, which needs ${needs.join(', ')}, ${where}.`;
}

function agentTable({ agents, next }: ExplainAnswer, most: number): readonly string[] {
  if (!agents.length) return [];
  const failures = ({ cells }: ExplainAgent): number => cells.filter(({ fits }) => !fits).length;
  const nearest = [...agents].sort((a, b) => failures(a) - failures(b) || (a.hostname < b.hostname ? -1 : 1));
  const shownRows = nearest.slice(0, most);
  const many = next.needs.constraints.length;
  const single = many <= CONSTRAINT_COLUMNS_MAX;
  const names = single ? next.needs.constraints.map((_, at) => `C${at + 1}`) : ['CONSTRAINTS'];
  const head = ['AGENT', 'FITS', 'SESSION', 'RUNTIME', 'SPACE', ...names, 'CPUS', 'MEM', 'DISK', 'PORTS'];
  const rows = shownRows.map(({ hostname, fits, cells }) => {
    const constraints = cells.filter(({ predicate }) => predicate === 'constraint');
    const failing = constraints.filter((each) => !each.fits).map(({ index = 0 }) => `C${index + 1}`);
    return [
      hostname,
      fits ? 'yes' : 'no',
      ...['session', 'runtime', 'hostDisk'].map((each) => cellText(cells, each)),
      ...(single
        ? constraints.map((each) => (each.fits ? 'ok' : 'no'))
        : [cut(failing.join(',') || 'ok', 11)]),
      ...['cpus', 'mem', 'disk', 'ports'].map((each) => cellText(cells, each)),
    ];
  });
  const rest = agents.length - shownRows.length;
  const told = shownRows.filter(({ fits }) => !fits).slice(0, TOLD_MAX);
  return [
    '',
    table(head, fitted(head, rows)),
    ...(rest > 0
      ? [
          `… and ${counted(rest, 'more agent')}, lacking as much or more (--agents ${agents.length} shows all)`,
        ]
      : []),
    ...(told.length ? ['', 'A number is the amount missing: cores, MiB, ports.'] : []),
    ...told.flatMap(({ hostname, cells }) => wrapped(`${hostname}: ${reasons(cells)}`, '  ')),
  ];
}

/** Names of agents are cut to what the other columns leave. */
function fitted(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  const widthOf = (column: number): number =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length));
  const others = head.slice(1).reduce((sum, _, at) => sum + 2 + widthOf(at + 1), 0);
  const most = Math.max(NAME_MIN, WIDTH - others);
  return rows.map(([name = '', ...rest]) => [cut(name, most), ...rest]);
}

const reasons = (cells: readonly ExplainCell[]): string =>
  cells
    .flatMap(({ text, wouldFit }) =>
      text === undefined ? [] : [wouldFit === undefined ? text : `${text} (wanted: ${wouldFit})`],
    )
    .join('; ');

function cellText(cells: readonly ExplainCell[], predicate: string): string {
  const cell = cells.find((each) => each.predicate === predicate);
  if (!cell || cell.fits) return 'ok';
  if (cell.missing !== undefined) return `-${shown(cell.missing)}`;
  return 'no';
}

function changeLines({ changes, next }: ExplainAnswer): readonly string[] {
  if (next.place) return [];
  if (!changes.length) return ['', ...wrapped('No small change was found that would let it run.', '')];
  return [
    '',
    changes.length === 1
      ? 'This would let it run:'
      : 'Any one of these would let it run, the smallest first:',
    ...changes.flatMap(({ text }, at) => wrapped(`${at + 1}. ${text}`, '   ')),
  ];
}

const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const shown = (value: number): string => String(Math.round(value * 1000) / 1000);
