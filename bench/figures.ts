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

/** Under many clients. */
export interface LoadFigure extends Figure {
  /** Longest delay of the server's event loop meanwhile. */
  readonly loopMs?: number;
  /** Longest time between two frames that an agent got meanwhile. */
  readonly silenceMs?: number;
}

export function loadFigures(rows: readonly LoadFigure[]): string {
  const lines = rows.map(({ what, ms, loopMs, silenceMs }) => {
    const sorted = [...ms].sort((a, b) => a - b);
    const at = (share: number): string =>
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
    const shown = (value: number | undefined): string =>
      value === undefined ? '' : String(Math.round(value));
    return `| ${what} | ${sorted.length} | ${at(0.5)} | ${at(0.99)} | ${at(1)} | ${shown(loopMs)} | ${shown(silenceMs)} |`;
  });
  return [
    '| what | answers | p50 ms | p99 ms | max ms | loop delay ms | silence ms |',
    '|---|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}
