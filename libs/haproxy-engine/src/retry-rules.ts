// How often a request is tried. HAProxy has one counter (`retries`) for targets that refuse a connection, which have seen nothing, and for
// those that accept and then close it, which a request may have killed. So it is given enough for both, and those that accepted are
// counted by rules: at the last one that a request may be given to, HAProxy's Lua answers instead of HAProxy going on to one more.
import { silentFor, type RouteRetries, type RouteService } from '#libs/routing';
import { budgetLua, budgetRules, repeatRule, type Budgeted } from './budget-rules.js';
import { messageBody, quote } from './config-text.js';
import { FAILURE_LUA } from './failure-counter.js';

/** Of a target, unless the labels say otherwise; as the built-in engine has it. */
export const SILENCE_MS = 300_000;
/** Targets that accepted a connection, of one request. As the built-in engine has it. */
const ATTEMPTS = 3;
/** Methods that may be repeated (RFC 9110 9.2.2). */
export const REPEATED = 'GET HEAD OPTIONS TRACE PUT DELETE';
/** What labels may ask for. */
const ATTEMPTS_MAX = 10;
/** Passed over at most, as with the built-in engine. */
const PASSED_OVER_MAX = 20;

/** Those that HAProxy 2.4 can repeat; it refuses a configuration with any other. */
const STATUSES: readonly number[] = [401, 403, 404, 408, 425, 500, 501, 502, 503, 504];

const repeatedStatuses = (retries: RouteRetries | undefined): number[] =>
  (retries?.on ?? []).filter((status) => STATUSES.includes(status));

/** What the labels ask for and HAProxy cannot do. */
export const unrepeatedStatuses = ({ mode, policy }: RouteService): number[] =>
  mode === 'tcp' ? [] : (policy?.retries?.on ?? []).filter((status) => !STATUSES.includes(status));

/** What HAProxy does again by itself; the lines of a backend stand only where they differ from those of `defaults`. */
export const retryDefaults = (hasLua: boolean): string[] => [
  `retries ${retriesFor(ATTEMPTS, hasLua)}`,
  'retry-on conn-failure empty-response',
];

const retriesFor = (attempts: number, passesOver: boolean): number =>
  attempts - 1 + (passesOver ? PASSED_OVER_MAX : 0);

/** Of HTTP. With one attempt only what no target has seen goes on to another one; that also saves HAProxy the copy of each request. */
export function retryRules(backend: string, service: RouteService, hasLua: boolean): string[] {
  const { attempts = ATTEMPTS } = service.policy?.retries ?? {};
  const on = repeatedStatuses(service.policy?.retries);
  if (attempts === 1) return [`retries ${retriesFor(1, true)}`, 'retry-on conn-failure'];
  const passesOver = hasLua && !repeatsByStatus(service.policy?.retries);
  const retries = retriesFor(attempts, passesOver);
  return [
    ...(retries === retriesFor(ATTEMPTS, hasLua) ? [] : [`retries ${retries}`]),
    ...(on.length > 0 ? [`retry-on conn-failure empty-response ${on.join(' ')}`] : []),
    ...(hasLua ? limitRules({ backend, service }, passesOver ? attempts : ATTEMPTS_MAX + 1) : []),
    ...(hasLua ? budgetRules({ backend, service }, ACCEPTED, ATTEMPTS_MAX) : []),
  ];
}

/** What TCP carries has nothing that could be sent again. */
export const tcpRetryRules = (): string[] => [`retries ${retriesFor(1, true)}`];

/** The last answer must reach the client then, and Lua could not pass it on. */
const repeatsByStatus = (retries: RouteRetries | undefined): boolean =>
  (retries?.attempts ?? ATTEMPTS) > 1 && repeatedStatuses(retries).length > 0;

/** Undefined: none. */
export function refusalsThatCount(service: RouteService, hasLua: boolean): string | undefined {
  if (service.mode === 'tcp' || service.policy?.retries?.attempts === 1) return undefined;
  if (hasLua && !repeatsByStatus(service.policy?.retries)) return undefined;
  const attempts = service.policy?.retries?.attempts ?? ATTEMPTS;
  const why = hasLua
    ? 'for it repeats requests by status (longrun.io/retry-on)'
    : 'for this HAProxy is built without Lua';
  return `a target that refuses a connection counts as one of its ${attempts} attempts, ${why}`;
}

/** Targets that accepted a request before the one at hand; ATTEMPTS_MAX: it is never given to another one. */
const ACCEPTED = 'txn.accepted';
/** It was accepted before, and this is the first look after it was accepted again. */
const IS_REPEATED = `{ var(txn.accepted) -m int 1:${ATTEMPTS_MAX - 1} } !{ var(txn.since) -m found }`;

/**
 * The first target that accepts costs a request two looks; the others are asked only of requests that come here again, and of those that
 * are never repeated: when their target breaks them off, HAProxy itself would end a kept connection of the client without a word.
 */
function limitRules(budgeted: Budgeted, attempts: number): string[] {
  const { service } = budgeted;
  const isLast = `{ var(txn.accepted) -m int ge ${attempts - 1} }`;
  const silenceMs = service.policy?.timeouts?.silenceMs ?? SILENCE_MS;
  const bodies = [brokenBody(service), silentBody(service)].map((body) => quote(body)).join(' ');
  return [
    // the longest that HAProxy takes: the target's own time counts
    'tcp-response inspect-delay 24d',
    `tcp-response content accept if { method ${REPEATED} } !{ var(txn.accepted) -m found } { int(1),set-var(txn.accepted) -m found }`,
    `tcp-response content set-var(${ACCEPTED}) int(${ATTEMPTS_MAX}) if !{ var(txn.accepted) -m found }`,
    repeatRule(budgeted, IS_REPEATED),
    `tcp-response content set-var(txn.since) date(0,ms) if ${isLast} !{ var(txn.since) -m found }`,
    // waits until there is a status or there can be none
    `tcp-response content lua.${LUA_ACTION} ${silenceMs} ${bodies} if ${isLast} !{ status ge 100 }`,
    'tcp-response content set-var(txn.accepted) var(txn.accepted),add(1)',
  ];
}

/** Body of the 502. */
export const brokenBody = ({ appId }: RouteService): string =>
  messageBody(
    `app ${appId} closed the connection before it answered, or its answer is not valid HTTP; the request may have had an effect`,
  );

/** Body of the 504. */
export const silentBody = ({ appId, policy }: RouteService): string =>
  messageBody(silentFor(appId, policy?.timeouts?.silenceMs ?? SILENCE_MS));

const LUA_ACTION = 'longrun_enough';
/** In HAProxy's folder. */
export const LUA_FILE = 'enough.lua';

/** HAProxy tells a script that a connection ended, not why: one that was silent for the whole time ran into the time-out. */
const LUA_TEXT = `${FAILURE_LUA}-- Answers for a target that took a request and did not answer it, when no further target may be tried.
core.register_action("${LUA_ACTION}", { "tcp-res" }, function(txn, silence_ms, broken, silent)
  -- core.now is another clock
  local since = txn:get_var("txn.since")
  local waited = since and txn.f:date(0, "ms") - since or 0
  local timed_out = waited >= tonumber(silence_ms) * 0.98
  longrun_broken(txn)
  local reply = txn:reply()
  reply:set_status(timed_out and 504 or 502)
  reply:add_header("content-type", "application/json")
  reply:add_header("cache-control", "no-store")
  reply:set_body(timed_out and silent or broken)
  txn:done(reply)
end, 3)
`;

/** In HAProxy's folder, with the rest of what it runs for requests that are repeated. */
export const repeatLua = (): string => LUA_TEXT + budgetLua(ACCEPTED, ATTEMPTS_MAX);
