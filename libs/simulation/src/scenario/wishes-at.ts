// What has been asked for by a moment of a scenario: the last wish of each app.
import type { Action, AppWish } from './scenario.js';

/** `at`: ms of the run. In the order in which the apps were first asked for. */
export function wishesAt(at: number, asks: readonly Action[]): readonly (readonly [string, AppWish])[] {
  const wishes = new Map<string, AppWish>();
  for (const each of asks) if (each.do === 'deploy' && each.at < at) wishes.set(each.app, each.wish);
  return [...wishes];
}
