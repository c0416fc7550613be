// Suites that would keep CI waiting for many minutes run a few of their cases by default, and all of them with LONGRUN_TEST_LONG=1.

export const IS_LONG = process.env['LONGRUN_TEST_LONG'] === '1';

/** All of these in the long form, otherwise the ones at these places. */
export const someOf = <T>(all: readonly T[], ...places: readonly number[]): readonly T[] =>
  IS_LONG ? all : all.filter((_, at) => places.includes(at));
