// What became of the requests of one kind. A failure keeps when, why, and over which of its own ports the client had asked: that port
// tells later which process of the proxy held the connection.

export interface Failure {
  readonly kind: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly why: string;
  /** The client's; undefined: there never was a connection. */
  readonly localPort?: number | undefined;
}

export class Tally {
  sent = 0;
  ok = 0;
  /** Longest time until a good answer, from when it was due to be sent, ms. */
  longestMs = 0;
  readonly failures: Failure[] = [];

  constructor(readonly kind: string) {}

  succeeded(dueAt: number): void {
    this.ok += 1;
    this.longestMs = Math.max(this.longestMs, Date.now() - dueAt);
  }

  failed(startedAt: number, why: string, localPort?: number): void {
    this.failures.push({ kind: this.kind, startedAt, endedAt: Date.now(), why, localPort });
  }
}

/** How often each reason occurs, the most frequent first. */
export function reasons(failures: readonly Failure[]): string {
  const counts = new Map<string, number>();
  for (const { why } of failures) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([why, count]) => `${count} x ${why}`)
    .join('; ');
}
