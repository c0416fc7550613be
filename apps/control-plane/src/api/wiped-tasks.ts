// `wipe=true` answers only when the killed instances have ended (api.md 3.10), unless whoever asked has gone.
import type { FastifyReply } from 'fastify';
import type { ControlCore } from '#libs/control-core';
import type { InstanceId } from '#libs/model';

export async function untilEnded(
  ids: readonly InstanceId[],
  { endings, state }: ControlCore,
  reply: FastifyReply,
): Promise<void> {
  const wait = endings.of(ids, state);
  reply.raw.once('close', wait.cancel);
  await wait.over;
}
