// A standby hands API calls on to the leader and streams the answer back (api.md 1.1, decisions.md 1); `/v2/events` is redirected.
// `X-Marathon-Via` names every node on the way: seeing ourselves in it is a loop.
import { request as httpRequest } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { failures } from '#libs/api-contract';
import type { ControlCore } from '#libs/control-core';

const VIA = 'x-marathon-via';
/** Answered by every node itself. */
const LOCAL = [
  '/ping',
  '/metrics',
  '/docs',
  '/ui',
  '/help',
  '/api-console',
  '/logging',
  '/config',
  '/v2/leader',
  '/v2/info',
];

/** True: the answer is on its way. False: this node answers. Throws when there is nobody to answer. */
export function passToLeader(
  core: ControlCore,
  address: string,
  request: FastifyRequest,
  reply: FastifyReply,
): boolean {
  const path = request.url.split('?')[0] ?? request.url;
  const { leader } = core.leadership;
  if (core.leads || (isLocal(path) && (request.method !== 'DELETE' || !leader))) return false;
  // with the store away nobody else leads either: what was true last can still be read, and writes say 503
  if (core.hasState) return false;
  if (!leader) throw failures.noLeader();
  if (leader.holder === core.leadership.holder) throw failures.notLeading();
  const via = String(request.headers[VIA] ?? '');
  if (via.split(',').some((each) => each.trim() === address)) throw failures.noLeader();
  if (path === '/v2/events' || path === '/v3/events') {
    void reply.redirect(`http://${leader.address}${request.url}`, 302);
    return true;
  }
  forward(leader.address, via === '' ? address : `${via}, ${address}`, request, reply);
  return true;
}

const isLocal = (path: string): boolean =>
  path === '/' || LOCAL.some((each) => path === each || path.startsWith(`${each}/`));

function forward(leader: string, via: string, request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  const { raw } = reply;
  const upstream = httpRequest(
    `http://${leader}${request.raw.url ?? request.url}`,
    { method: request.method, headers: { ...request.headers, host: leader, [VIA]: via } },
    (answer) => {
      raw.writeHead(answer.statusCode ?? 502, { ...answer.headers, [VIA]: via });
      answer.pipe(raw);
    },
  );
  upstream.on('error', () => {
    if (raw.headersSent) return raw.destroy();
    raw.writeHead(502, { 'Content-Type': 'application/json' });
    return raw.end(JSON.stringify({ message: 'Could not reach the current leader' }));
  });
  raw.once('close', () => upstream.destroy());
  request.raw.pipe(upstream);
}
