// ETag and If-None-Match on reads that follow from the working set alone: a poller learns for next to nothing that nothing changed.
// The tag names the state, not the text: this process (an epoch is not enough, a database may be restored from a backup), the number
// of the change, the URL, what is accepted, and how many unreachable instances have become inactive, the only thing that such an
// answer owes to the clock. It is taken before the answer is made, so an answer is never older than its tag.
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { ControlCore } from '#libs/control-core';
import { conditionOf } from '#libs/lifecycle';
import { values } from './url-form.js';

const TAGGED =
  /^\/v2\/(apps|tasks|groups|deployments)(\/.*)?$|^\/v3\/(agents|instances|deployments|apps\/.+\/history)$/;
/** Life times in seconds: another answer with every moment. */
const OF_THE_MOMENT = /(^|\.)taskStats$/;

/** Weak: the same bytes may come compressed or not. Null: this answer has no tag. */
export function entityTag(core: ControlCore, { method, url, headers, query }: FastifyRequest): string | null {
  const path = url.split('?')[0] ?? url;
  if ((method !== 'GET' && method !== 'HEAD') || !TAGGED.test(path) || !core.hasState) return null;
  if (values(query, 'embed').some((each) => OF_THE_MOMENT.test(each))) return null;
  const { state, leadership } = core;
  const question = createHash('sha256')
    .update(JSON.stringify([leadership.holder, url, headers.accept ?? '']))
    .digest('base64url')
    .slice(0, 16);
  return `W/"${state.epoch}-${state.change}-${inactiveIn(core)}-${question}"`;
}

/** Does `If-None-Match` name this tag? */
export const isKnown = (ifNoneMatch: string | undefined, tag: string): boolean =>
  (ifNoneMatch ?? '').split(',').some((each) => strong(each.trim()) === strong(tag));

const strong = (tag: string): string => tag.replace(/^W\//, '');

function inactiveIn({ state, clock }: ControlCore): number {
  const now = clock.now();
  return state
    .unreachable()
    .filter(
      (each) =>
        conditionOf(each, now, state.versionOf(each).spec.unreachableStrategy) === 'UnreachableInactive',
    ).length;
}
