// While all targets of a service are left out, what comes waits until one of them was looked at again, or for a quarter of a second: a
// single refusal (a full listen queue, a reload of the task) would else be everybody's 503, where the built-in engine just asks again.
// Costs nothing while anybody is there but the question whether somebody is.

/** A target that was left out is looked at after the first, and then after each further of these. ms. */
export const LOOK_MS = { first: 20, then: 200 } as const;

const WAITS_MS = [25, 25, 50, 50, 100];
const LUA_ACTION = 'longrun_wait';

/** Behind the rules that answer without a target. Of HTTP; HAProxy's own way to wait does not hold requests that are there as a whole. */
export const waitRules = (hasLua: boolean): string[] =>
  hasLua ? [`http-request lua.${LUA_ACTION} if { nbsrv lt 1 }`] : [];

export const tcpWaitRules = (): string[] => [
  `tcp-request inspect-delay ${WAITS_MS.reduce((all, ms) => all + ms)}ms`,
  'tcp-request content accept if { nbsrv gt 0 }',
  'tcp-request content accept if WAIT_END',
];

/** Where nobody is left out, nobody is there to wait for. */
export const WAIT_LUA = `-- Waits for a target that was left out.
core.register_action("${LUA_ACTION}", { "http-req" }, function(txn)
  local backend = txn.f:be_name()
  local is_any = false
  for _, server in pairs(core.backends[backend].servers) do
    if string.sub(server:get_stats()["status"], 1, 4) == "DOWN" then
      is_any = true
      break
    end
  end
  if not is_any then return end
  for _, ms in ipairs({ ${WAITS_MS.join(', ')} }) do
    core.msleep(ms)
    if txn.f:nbsrv(backend) > 0 then return end
  end
end)
`;
