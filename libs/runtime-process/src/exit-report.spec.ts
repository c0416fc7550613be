import { describe, expect, it } from '@jest/globals';
import { reportExit } from './exit-report.js';
import type { ExitFacts } from './exit-report.js';

const facts = (more: Partial<ExitFacts>): ExitFacts => ({
  requested: false,
  outOfMemory: false,
  mem: 64,
  stderr: '',
  ...more,
});

describe('the report of an exit', () => {
  it.each([
    [0, 'exited with code 0'],
    [3, 'exited with code 3'],
    [126, 'exited with code 126 (command not executable)'],
    [127, 'exited with code 127 (command not found)'],
    [137, "killed by signal 9 (SIGKILL); an exit code of 137 can also be the program's own"],
    [134, "killed by signal 6 (SIGABRT); an exit code of 134 can also be the program's own"],
    [255, 'exited with code 255'],
  ])('reads the status %i in every way it can be meant', (status, message) => {
    expect(reportExit(facts({ status }))).toMatchObject({ code: status, message });
  });

  it('has no code when nobody saw it', () => {
    const exit = reportExit(facts({ unknownBecause: 'the host was restarted' }));
    expect(exit).toEqual({
      requested: false,
      outOfMemory: false,
      message: 'exit unknown: the host was restarted',
    });
  });

  it('shows stderr after a failure only', () => {
    expect(reportExit(facts({ status: 1, stderr: 'a\nb\n' })).message).toBe(
      'exited with code 1; stderr ends with:\na\nb',
    );
    expect(reportExit(facts({ status: 0, stderr: 'a\n' })).message).not.toContain('stderr');
    expect(reportExit(facts({ status: 143, stderr: 'a\n', requested: true })).message).not.toContain(
      'stderr',
    );
  });
});
