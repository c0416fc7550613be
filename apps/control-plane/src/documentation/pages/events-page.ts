// docs/reference/events.md: the stream, and each type with its members, from the catalogue of the events.
import {
  EVENT_CATALOGUE,
  LONGRUN_EVENT_TYPES,
  MARATHON_EVENT_TYPES,
  type EventDescription,
} from '#libs/events';
import { anchor, code, fenced, page, sentence, table } from './markdown.js';

const INTRO = `# Events

\`GET /v2/events\` streams what happens, as server-sent events, with the types that Marathon has. \`GET /v3/events\` has those of Longrun too. They are on a path
of their own because strict clients stop at a type they do not know.`;

const TRY = `curl -N -H 'Accept: text/event-stream' 'http://127.0.0.1:8080/v2/events?plan-format=light'`;
const FRAME = `event: deployment_success
data: {"id":"5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43","plan":{…},"eventType":"deployment_success","timestamp":"2026-01-31T12:00:00.000Z"}
id: 4711
`;

const RULES = `| question | answer |
|---|---|
| Which events do I get? | All, or with \`event_type=NAME\`, repeated, only those. A name must match exactly; an unknown one is no error |
| What is in every event? | \`eventType\` and \`timestamp\`, besides the members below |
| In which order? | In the order in which the changes were stored. A GET that is sent after an event shows what the event says |
| What do I miss while I am away? | Nothing, if you come back with the number of the last event you read: \`Last-Event-ID: 4711\`, as browsers and most libraries do by themselves, or \`lastEventId=4711\` in the query. The stream goes on with 4712 |
| For how long? | 7 days or one million events. An older number is answered with 410 [cursor-gone](errors.md#cursor-gone); then read the state by GET and open the stream without a number |
| Without a number? | The stream begins with what happens now |
| What if I read too slowly? | The stream waits for you and goes on where you stopped; after 1024 events or five minutes without reading anything it is closed. Open it again with your number |
| How do I notice a broken connection? | A comment line comes every 10 seconds |
| What without \`Accept: text/event-stream\`? | 405 |
| A control plane that does not lead? | Answers 302 to the one that does |
| How large can an event be? | Plans hold what they change, before and after. \`plan-format=light\` leaves that out |`;

const SEQUENCES = `A new app with one instance: \`api_post_event\`, \`group_change_success\`, \`deployment_info\` (StartApplication), \`deployment_step_success\`, \`deployment_info\`
(ScaleApplication), \`instance_changed_event\` (Scheduled, Provisioned), \`status_update_event\` (TASK_STAGING, TASK_RUNNING), \`deployment_step_success\`,
\`deployment_success\`.

A crash: \`status_update_event\` (TASK_FAILED), \`instance_changed_event\` (Failed); after the launch delay \`instance_changed_event\` (Provisioned) with the same
\`instanceId\` and a new task id.

A deployment that replaces another by force: \`deployment_failed\` of the old one, then those of a new one.`;

export function eventsPage(): string {
  const types = [...MARATHON_EVENT_TYPES, ...LONGRUN_EVENT_TYPES];
  const inOrder = (Object.keys(EVENT_CATALOGUE) as (keyof typeof EVENT_CATALOGUE)[]).filter((type) =>
    types.includes(type),
  );
  const isMarathons = (type: string): boolean => (MARATHON_EVENT_TYPES as readonly string[]).includes(type);
  const marathons = inOrder.filter(isMarathons);
  const own = inOrder.filter((type) => !isMarathons(type));
  return page(
    INTRO,
    fenced(TRY, 'sh'),
    fenced(FRAME.trimEnd()),
    '## The stream',
    RULES,
    '## What comes after what',
    SEQUENCES,
    '## Types',
    table(
      ['type', 'when'],
      inOrder.map((type) => [
        `[${code(type)}](#${anchor(type)})`,
        `${EVENT_CATALOGUE[type].when}${isMarathons(type) ? '' : ' Only on `/v3/events`.'}`,
      ]),
    ),
    '## Members',
    ...marathons.map((type) => section(type, EVENT_CATALOGUE[type])),
    '## Members of the types of `/v3/events`',
    ...own.map((type) => section(type, EVENT_CATALOGUE[type])),
    '## Never sent',
    'Of the names in old documentation: `scheduler_*_event` and `framework_message_event` (there is no Mesos), `subscribe_event` and `unsubscribe_event` (HTTP callbacks are gone ' +
      'from Marathon, too), `unhealthy_task_kill_event` (now `unhealthy_instance_kill_event`), `pod_*_event` (no pods in this version).',
  );
}

function section(type: string, { when, members }: EventDescription): string {
  const rows = Object.entries(members).map(([name, meaning]) => [
    code(name.replace(/\?$/, '')),
    `${sentence(meaning)}${name.endsWith('?') ? ' Left out when there is none.' : ''}`,
  ]);
  return [`### ${type}`, when, table(['member', 'content'], rows)].join('\n\n');
}
