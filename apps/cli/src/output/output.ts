// Where a command's words go: results on stdout, progress on stderr, and with --json nothing but JSON on stdout.
import { table } from './table.js';

export class Output {
  constructor(readonly isJson: boolean) {}

  /** The result: as JSON, or as the text made from it. */
  result(value: unknown, text: () => string): void {
    process.stdout.write(this.isJson ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`);
  }

  table(value: unknown, head: readonly string[], rows: readonly (readonly string[])[]): void {
    this.result(value, () => table(head, rows));
  }

  progress(line: string): void {
    if (!this.isJson) process.stderr.write(`${line}\n`);
  }
}
