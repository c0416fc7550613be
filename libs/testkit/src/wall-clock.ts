// Another wall clock than the true one, for processes that a test starts (apt: libfaketime).
import { existsSync, writeFileSync } from 'node:fs';

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
/** Tests that need it are skipped without. */
export const canFakeTime = existsSync(FAKETIME);

/** A wall clock that is set by hand; the monotonic clock goes on, as when a person or NTP sets the time of a host. */
export class WallClock {
  constructor(private readonly file: string) {
    this.set(0);
  }
  /** Seconds beside the true time. */
  set(offsetSeconds: number): void {
    writeFileSync(this.file, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`);
  }
  get environment(): Readonly<Record<string, string>> {
    return {
      ...{ LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: this.file, FAKETIME_NO_CACHE: '1' },
      ...{ FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_RESET: '1' },
    };
  }
}
