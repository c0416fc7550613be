// Rows of measured times as a table: minimum, median, 90th percentile, maximum. Medians and ratios are what to quote.

export interface Figure {
  readonly what: string;
  readonly ms: readonly number[];
}

export function figures(rows: readonly Figure[]): string {
  const lines = rows.map(({ what, ms }) => {
    const sorted = [...ms].sort((a, b) => a - b);
    const at = (share: number): string =>
      String(Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0));
    return `| ${what} | ${sorted.length} | ${at(0)} | ${at(0.5)} | ${at(0.9)} | ${at(1)} |`;
  });
  return [
    '| what | rounds | min ms | median ms | p90 ms | max ms |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}
