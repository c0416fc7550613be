// Columns of text for a terminal.
import { wrapped } from './wrap.js';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

/** Below each row a text, as long as it may be. */
export function tableWithTexts(
  head: readonly string[],
  rows: readonly { readonly cells: readonly string[]; readonly text: string }[],
): string {
  const [title = '', ...lines] = table(
    head,
    rows.map(({ cells }) => cells),
  ).split('\n');
  const texts = rows.map(({ text }) => wrapped(`    ${text}`, '      ').join('\n'));
  return [title, ...lines.flatMap((line, at) => [line, texts[at] ?? ''])].join('\n');
}

/** `3 s`, `5 min`, `2 h`, `4 d` since that time. */
export function ageOf(timestamp: string | undefined, now: number): string {
  if (timestamp === undefined) return '-';
  const seconds = Math.max(0, Math.round((now - Date.parse(timestamp)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
