// How long a request's body may be (label body-limit). One that tells its length is refused before a target sees anything. One that does
// not (chunked, HTTP/2) is counted while it goes by, by a filter in Lua that only services with the label have: HAProxy has no rule for
// it, and to hold a whole body back would be worse than none.
import { tooLong, type RouteService } from '#libs/routing';
import { JSON_ANSWER, messageBody, quote } from './config-text.js';
import { NOT_VALID } from './early-answers.js';

const FILTER = 'longrun-body-limit';

/** Of HTTP. `counts`: HAProxy has filters in Lua. */
export function bodyLimitRules({ policy }: RouteService, counts: boolean): string[] {
  const limit = policy?.limits?.bodyBytes;
  if (limit === undefined) return [];
  const words = quote(messageBody(tooLong(limit)));
  return [
    `http-request return status 413 ${JSON_ANSWER} string ${words} if { req.hdr_val(content-length) gt ${limit} }`,
    ...(counts
      ? [
          `filter lua.${FILTER} ${limit} ${words}`,
          // a filter can only fail, which is a 400 that becomes ours here; other ones have the usual words
          `http-error status 400 ${JSON_ANSWER} lf-string ${quote(`%[var(txn.too_long,'${messageBody(NOT_VALID)}')]`)}`,
          'http-after-response set-status 413 if { var(txn.too_long) -m found }',
        ]
      : []),
  ];
}

/** Undefined: as the built-in engine. */
export const bodyLimitGap = (counts: boolean): string | undefined =>
  counts
    ? undefined
    : 'longrun.io/body-limit: HAProxy before 2.6, or without Lua, refuses by Content-Length; a body that tells no length (chunked) passes whatever its size';

/**
 * Without the label there is no filter, and with it none of a body that told its length. What was counted goes on to the target at once. Each
 * failure is a line in HAProxy's log, which is bounded.
 */
export const BODY_LIMIT_LUA = `-- Ends a request whose body, which told no length, is longer than its service takes.
if core.register_filter then
  local Limit = { id = "${FILTER}", flags = filter.FLT_CFG_FL_HTX }
  Limit.__index = Limit
  function Limit:new()
    return setmetatable({ left = self.limit, words = self.words }, Limit)
  end
  function Limit:http_headers(txn, message)
    if message.channel:is_resp() then return end
    if message:get_headers()["content-length"] then return end
    filter.register_data_filter(self, message.channel)
  end
  function Limit:http_payload(txn, message)
    local bytes = message:input()
    -- what ends a body, and trailers, are in it, too
    if bytes > self.left then bytes = #(message:body() or "") end
    self.left = self.left - bytes
    if self.left >= 0 then return end
    txn:set_var("txn.too_long", self.words)
    error("the body of a request was longer than longrun.io/body-limit", 0)
  end
  core.register_filter("${FILTER}", Limit, function(class, words)
    class.limit = tonumber(words[1])
    class.words = words[2]
    return class
  end)
end
`;
