// What HAProxy's counters say of answers that failed, place by place, since the last look: what ran into a time-out, broke or was no HTTP
// (`eresp`), was given to another target for that (`wretr`) or torn (`srv_abrt`) is counted by HAProxy itself. Its counters do not tell a
// 503 of a gateway kind from a 500, which is an answer: so rules count 502, 503 and 504 in a table that only such answers touch.
import type { RouteService } from '#libs/routing';
import {
  readCounters,
  readFailures,
  type Counters,
  type StatRow,
  type TrafficCounter,
} from './traffic-counter.js';

/** A backend without servers that holds the table. */
const TABLE = 'longrun_failed';

/** Section of the configuration. An answer that is tracked counts as one "request" of it. */
export const failureTable = (): string[] => [
  `backend ${TABLE}`,
  '  stick-table type string len 320 size 100k expire 1h store http_req_cnt',
];

/** Of a backend of HTTP. An answer of any other status pays for one look at it. */
export const gatewayRules = (backend: string, { policy }: RouteService): string[] =>
  policy?.ejection?.failures === 0
    ? []
    : [`http-response track-sc1 srv_name,concat(/${backend}) table ${TABLE} if { status 502 503 504 }`];

/** What our own answers for a target that broke (retry-rules) add to that: HAProxy counts those of scripts for no server. */
export const FAILURE_LUA = `-- How often a target broke a request off that was answered here.
local broken = {}
function longrun_broken(txn)
  local place = txn.f:srv_name() .. "/" .. txn.f:be_name()
  broken[place] = (broken[place] or 0) + 1
end
core.register_cli({ "show", "longrun", "broken" }, "show longrun broken : requests that were broken off", function(applet)
  for place, count in pairs(broken) do
    applet:send(" key=" .. place .. " broken=" .. count .. "\\n")
  end
end)
`;

/** The second one is answered with something else where there is no Lua. */
export const SHOW_FAILURES = [`show table ${TABLE}`, 'show longrun broken'] as const;

/** Counts by place (`server/backend`), from the answers to those; a place with `!` before it: of requests that were broken off. */
export const failuresIn = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...text.matchAll(/ key=(\S+) .*?\b(http_req_cnt|broken)=(\d+)/g)].map(
      ([, place = '', what, count]) => [`${what === 'broken' ? '!' : ''}${place}`, Number(count)] as const,
    ),
  );

export const placeOf = (backend: string, server: string): string => `${server}/${backend}`;
const backendIn = (place: string): string => place.slice(place.indexOf('/') + 1);

/** Of one place between two looks. */
export interface GrownFailures {
  readonly failed: number;
  /** Other answers. */
  readonly sound: number;
  /** When the look before was, epoch ms. */
  readonly since: number;
}

interface Before {
  readonly counts: Counters | undefined;
  readonly at: number;
}

/** Of one worker. */
export class FailureCounter {
  /** Places of services that are looked at closely. */
  readonly #before = new Map<string, Before>();
  /** By the table, at the last look. */
  #told: ReadonlyMap<string, number> = new Map();
  #now: ReadonlyMap<string, number> = new Map();
  /** Given to another task since the last look. */
  readonly #given = new Set<string>();
  readonly #traffic: TrafficCounter;
  #lookedAtAll = -Infinity;

  /** `traffic` knows of all places as of the last look at all of them. */
  constructor(traffic: TrafficCounter) {
    this.#traffic = traffic;
  }

  /** Begins a look; undefined: there is no news. Answers with the backends in which answers failed since the last one. */
  begin(failures?: ReadonlyMap<string, number>): Set<string> {
    this.#told = this.#now;
    this.#now = failures ?? this.#told;
    return new Set(
      [...this.#now.keys()].flatMap((place) => (this.#failedAt(place) > 0 ? [backendIn(place)] : [])),
    );
  }

  /** What went before went to somebody else. */
  given(place: string): void {
    this.#given.add(place);
  }

  /** Undefined: nothing to judge. */
  grown(backend: string, server: string, text: StatRow, now: number): GrownFailures | undefined {
    const place = placeOf(backend, server);
    const known = this.#before.get(place);
    const before = known ?? { counts: this.#traffic.last(backend, server), at: this.#lookedAtAll };
    const statuses = this.#failedAt(place);
    const broken = this.#failedAt(`!${place}`) + brokenSince(readFailures(text), before.counts);
    const isNew = this.#given.delete(place);
    // nearly all of them, nearly always
    if (!known && !isNew && statuses === 0 && broken === 0) return undefined;
    const counts = readCounters(text);
    this.#before.set(place, { counts, at: now });
    if (isNew) return undefined;
    const whole = answersOf(counts) - answersOf(before.counts) - (counts.torn - (before.counts?.torn ?? 0));
    const [failed, sound] = [statuses + broken, Math.max(0, whole - statuses)];
    return failed + sound > 0 ? { failed, sound, since: before.at } : undefined;
  }

  /** Ends a look. Of other backends only looks at all of them tell. */
  end(now: number, wasAtAll: boolean, isWatched: (backend: string) => boolean): void {
    if (wasAtAll) this.#lookedAtAll = now;
    for (const place of this.#before.keys()) if (!isWatched(backendIn(place))) this.#before.delete(place);
  }

  /** What expired begins anew. */
  #failedAt(place: string): number {
    const [now, told] = [this.#now.get(place) ?? 0, this.#told.get(place) ?? 0];
    return now >= told ? now - told : now;
  }
}

type Failures = Pick<Counters, 'unanswered' | 'repeated' | 'torn'>;

/** Those that were torn by closing are among the unanswered, those that stopped are not. */
const brokenSince = (now: Failures, before: Failures = { unanswered: 0, repeated: 0, torn: 0 }): number =>
  Math.max(now.unanswered - before.unanswered, now.torn - before.torn) + now.repeated - before.repeated;

const answersOf = (counts: Counters | undefined): number =>
  counts === undefined ? 0 : counts.byClass.reduce((sum, each) => sum + each, 0);
