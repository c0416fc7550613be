// The retry budget. What is sent again is counted by Lua when the next target has accepted it, per service and second, which costs a
// request that is not repeated nothing. Beyond the budget a variable of the service says until when, and each of its requests is treated
// as one at its last target (retry-rules): the question for that variable is all that others pay.
import { BUDGET_PERCENT, type RouteService } from '#libs/routing';
import { hashOf } from './config-text.js';

const LUA_ACTION = 'longrun_repeated';
/** As RetryBudget has it, so that a service with few requests has its retries, too. */
const FLOOR = 10;
/** No budget is used up for longer than 10 s: what lies farther off was said before somebody set the clock back. */
const FARTHEST_MS = 20_000;

/** One for each backend, also those of pinned versions, of the whole process; set to the end of the time in which the budget is used up, epoch ms. */
const flagOf = (backend: string): string => `proc.spent_${hashOf(backend)}`;

export interface Budgeted {
  readonly backend: string;
  readonly service: RouteService;
}

/** `accepted`: the variable of those that a target accepted, `enough`: so many that a request is not repeated. */
export function budgetRules({ backend, service }: Budgeted, accepted: string, enough: number): string[] {
  const flag = flagOf(backend);
  const isSpent = `{ var(${flag}) -m found } { date(0,ms),sub(${flag}),neg -m int 1:${FARTHEST_MS} }`;
  return [
    `http-request set-var(${accepted}) int(${enough}) if ${isSpent}`,
    // an answer that would be asked about again reaches the client
    ...(service.policy?.retries?.on?.length ? [`http-request disable-l7-retry if ${isSpent}`] : []),
  ];
}

/** Where a target has accepted a request that another one had before, which `condition` tells. */
export const repeatRule = ({ backend, service }: Budgeted, condition: string): string =>
  `tcp-response content lua.${LUA_ACTION} ${service.policy?.retries?.budgetPercent ?? BUDGET_PERCENT} ${flagOf(backend)} if ${condition}`;

/**
 * HAProxy tells the rate of requests, not how many there were in 10 s: while nothing was repeated it is taken to have been what it is now.
 * The request at hand has its second target already; it gets no third. Counted by `core.now`, which nobody sets; rules have only `date`.
 */
export const budgetLua = (
  accepted: string,
  enough: number,
): string => `-- Counts what is repeated, and says when it is more than the budget allows.
local budgets = {}
core.register_action("${LUA_ACTION}", { "tcp-res" }, function(txn, percent, flag)
  local now, backend = core.now(), txn.f:be_name()
  local ms = now.sec * 1000 + now.usec // 1000
  local second, earned = ms // 1000, tonumber(percent) / 100
  local budget = budgets[flag]
  if not budget then
    budget = { at = {}, repeats = {}, rates = {}, read = 0, last = 0 }
    budgets[flag] = budget
  end
  if second - budget.last >= 10 then budget.born = ms end
  budget.last = second
  local slot = second % 10
  if budget.at[slot] ~= second then
    budget.at[slot], budget.repeats[slot] = second, 0
  end
  if ms - budget.read >= 20 then
    budget.total, budget.read = core.backends[backend]:get_stats()["stot"], ms
  end
  budget.repeats[slot] = budget.repeats[slot] + 1
  budget.rates[slot] = txn.f:be_sess_rate()
  local repeats, requests, unknown, rate, oldest = 0, 0, 0, nil, nil
  for before = second - 9, second do
    local at = before % 10
    if budget.at[at] == before then
      repeats, rate = repeats + budget.repeats[at], budget.rates[at]
      requests, unknown, oldest = requests + rate * (unknown + 1), 0, oldest or before
    elseif rate then
      requests = requests + rate
    else
      unknown = unknown + 1
    end
  end
  -- there were never more than that
  requests = math.min(requests, budget.total + rate * (ms - budget.read) / 1000)
  local excess = repeats + 1 - ${FLOOR} - requests * earned
  if excess <= 0 then return end
  -- until as many requests have come as earn it, or the oldest are forgotten; a rate is that of a whole second
  local forgotten = (oldest + 10) * 1000 - ms
  local wait = math.min(forgotten, excess * 1000 / math.max(rate * earned, 0.001))
  -- in the first second it is that of the part of it that has gone by
  local age = ms - budget.born
  if age < 1000 and earned > 0 then wait = math.min(wait, math.max(${PAUSE_MS.young}, wait * age / 1000)) end
  wait = math.max(wait, ${PAUSE_MS.least})
  txn:set_var(flag, txn.f:date(0, "ms") + math.floor(wait))
  txn:set_var("${accepted}", ${enough})
end, 2)
`;

const PAUSE_MS = { least: 10, young: 20 } as const;
