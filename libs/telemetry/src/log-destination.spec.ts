// Logging never fails the one who logs: on a full disk lines are lost and counted.
import { afterAll, describe, expect, it } from '@jest/globals';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logDestination } from './log-destination.js';
import { createLogger } from './logger.js';

describe('logs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-log-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('on a full disk throw nothing, however often', () => {
    const logger = createLogger('x', { file: '/dev/full' });
    for (let n = 0; n < 1_000; n += 1) logger.error({ n }, 'no room for this');
  });

  it('tell how many lines were lost once they get through again', () => {
    const file = join(folder, 'x.log');
    const fd = openSync('/dev/full', 'a');
    const destination = logDestination(fd);
    destination.write('one\n');
    destination.write('two\n');
    closeSync(fd);
    expect(openSync(file, 'a')).toBe(fd); // the lowest free number: the same destination has room again
    destination.write('three\n');
    destination.write('four\n');
    closeSync(fd);
    expect(readFileSync(file, 'utf8')).toBe(
      '{"level":40,"lost":2,"msg":"log lines were lost"}\nthree\nfour\n',
    );
  });
});
