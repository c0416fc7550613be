// Lines for a terminal of 100 columns.

export const WIDTH = 100;

/** Breaks at spaces; what follows the first line begins with `indent`. A word that is longer than a line stays whole. */
export function wrapped(text: string, indent: string, width = WIDTH): readonly string[] {
  const lead = /^ */.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = lead;
  for (const word of text.trim().split(/\s+/)) {
    if (line.trim() && line.length + word.length + 1 > width) {
      lines.push(line);
      line = indent;
    }
    line += line.trim() ? ` ${word}` : word;
  }
  return [...lines, line];
}

/** Only lines that are too long; what follows begins two columns further in than they do. */
export const fitting = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => (line.length > WIDTH ? wrapped(line, `${/^ */.exec(line)?.[0] ?? ''}  `) : [line]));
