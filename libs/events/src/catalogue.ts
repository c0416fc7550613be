// What each event means and holds, as data: docs/reference/events.md is generated from it, and the specs of this lib compare what
// is sent with it, so neither can say something else than the code does. `eventType` and `timestamp` are in every event.
import type { LongrunEventType, MarathonEventType } from './event.js';

export interface EventDescription {
  /** One sentence: when it is sent. */
  readonly when: string;
  /** Member -> what it holds. A name that ends in `?` is left out when there is no value; "or null" is said. */
  readonly members: Readonly<Record<string, string>>;
}

const INSTANCE_ID = 'id of the instance; the same for all its incarnations';
const TASK_ID = 'id of the task: of this incarnation of the instance';
const HEALTH_CHECK = 'the check, as in the app definition';
const FULL_PLAN =
  'object: id, version, steps, and without plan-format=light also original and target: the root group before and after, cut ' +
  'down to what the plan touches; where the line would be longer than 64 KiB, their apps have only id and version, or are left out';
const STEP =
  'object: actions, a list of {action, app}; action is Start-, Stop-, Scale- or RestartApplication';
const CHANGE_VERSION = 'version of the change';

/** In the order of the reference: what the API was asked, changes and deployments, instances, health, the stream, our own. */
export const EVENT_CATALOGUE: Readonly<Record<MarathonEventType | LongrunEventType, EventDescription>> = {
  api_post_event: {
    when: 'An app was accepted through POST /v2/apps, or PUT or PATCH of one app; not for DELETE, restart, lists and groups.',
    members: {
      clientIp: 'address of the other end of the TCP connection',
      uri: 'path of the call, without the query',
      appDefinition: 'the app as stored, like a GET without what changes by itself',
    },
  },
  group_change_success: {
    when: 'A change of apps or groups was stored and its deployment accepted.',
    members: {
      groupId:
        'parent group of the app or deleted group; the group of a group call; / when several are changed',
      version: CHANGE_VERSION,
    },
  },
  group_change_failed: {
    when: 'A change was refused because of what runs: a lock, too many deployments, no free service port.',
    members: {
      groupId: 'as in group_change_success',
      version: 'time of the refusal; no such version is stored',
      reason: 'text of the refusal',
    },
  },
  deployment_info: {
    when: 'A step of a deployment begins.',
    members: { plan: FULL_PLAN, currentStep: STEP },
  },
  deployment_step_success: {
    when: 'A step of a deployment ended well.',
    members: { plan: FULL_PLAN, currentStep: STEP },
  },
  deployment_step_failure: {
    when: 'A step of a deployment failed.',
    members: { plan: FULL_PLAN, currentStep: STEP },
  },
  deployment_success: {
    when: 'All steps of a deployment are done.',
    members: { id: 'of the deployment, as its call answered', plan: FULL_PLAN },
  },
  deployment_failed: {
    when: 'A deployment failed, was cancelled, or was replaced by one with force.',
    members: { id: 'of the deployment, as its call answered', plan: FULL_PLAN, reason: 'why, in words' },
  },
  app_terminated_event: {
    when: 'The last instance of a deleted app is gone.',
    members: { appId: 'id of the app' },
  },
  status_update_event: {
    when: 'The state of a task changed; one for each task and change.',
    members: {
      slaveId: 'id of the agent; empty when there is none',
      taskId: TASK_ID,
      taskStatus:
        'TASK_STAGING, TASK_STARTING, TASK_RUNNING, TASK_KILLING, TASK_FINISHED, TASK_FAILED, TASK_KILLED, …',
      message: 'what the agent or the cause of a stop says; may be empty',
      appId: 'id of the app',
      host: 'host name of the agent; "unknown" when there is none',
      ipAddresses: 'list of {ipAddress, protocol}; empty before the task has started',
      ports: 'host ports in the order of the definition; may be empty',
      version: 'of the definition that the task was started from',
    },
  },
  instance_changed_event: {
    when: 'An instance was created or removed, or its condition or its goal changed; with a goal the condition stays.',
    members: {
      instanceId: INSTANCE_ID,
      condition:
        'Scheduled, Provisioned, Staging, Starting, Running, Killing, Killed, Finished, Failed, Unreachable, …',
      runSpecId: 'id of the app',
      agentId: 'id of the agent, or null',
      host: 'host name of the agent, or null',
      runSpecVersion: 'of the definition that the instance runs',
    },
  },
  unknown_instance_terminated_event: {
    when: 'An agent reported the end of an instance that is not in the books.',
    members: { instanceId: INSTANCE_ID, runSpecId: 'id of the app', condition: 'Finished, Failed or Killed' },
  },
  instance_health_changed_event: {
    when: 'The health of an instance as a whole changed.',
    members: {
      instanceId: INSTANCE_ID,
      runSpecId: 'id of the app',
      runSpecVersion: 'of the definition that the instance runs',
      healthy: 'true, false, or null: not known',
    },
  },
  add_health_check_event: {
    when: 'A health check of a definition becomes active: a new or changed app, or a new leader. One for each check.',
    members: { appId: 'id of the app', version: 'of the definition', healthCheck: HEALTH_CHECK },
  },
  remove_health_check_event: {
    when: 'A health check is switched off: its app is stopped, or a new definition takes its place. One for each check.',
    members: { appId: 'id of the app' },
  },
  failed_health_check_event: {
    when: 'A health check failed and the failure counts; not during the grace period.',
    members: {
      appId: 'id of the app',
      taskId: 'the id of the instance, not of the task',
      healthCheck: HEALTH_CHECK,
    },
  },
  health_status_changed_event: {
    when: 'The result of one health check on one instance flipped; its first result is one too.',
    members: {
      appId: 'id of the app',
      instanceId: INSTANCE_ID,
      taskId: TASK_ID,
      version: 'of the definition that the instance runs',
      alive: 'true or false',
    },
  },
  unhealthy_instance_kill_event: {
    when: 'An instance is to be killed for its health. Its timestamp is the time of the last failure.',
    members: {
      appId: 'id of the app',
      taskId: TASK_ID,
      instanceId: INSTANCE_ID,
      version: 'of the definition that the instance runs',
      reason: 'text of the last failure',
      host: 'host name of the agent; "unknown" when there is none',
      'slaveId?': 'id of the agent',
    },
  },
  event_stream_attached: {
    when: 'A client opened a stream: the first event of its own stream, sent to all others too. Not stored, so it has no id.',
    members: { remoteAddress: 'address of the client' },
  },
  event_stream_detached: {
    when: 'A client left its stream. Not stored, so it has no id.',
    members: { remoteAddress: 'address of the client' },
  },
  agent_changed_event: {
    when: 'An agent registered, said something else about itself, was lost, came back, or was removed.',
    members: {
      agentId: 'id of the agent',
      hostname: 'its host name',
      address: 'where its tasks are reached',
      liveness: 'its state, or removed',
      diskLow: 'true: its disk is nearly full',
    },
  },
  routing_changed_event: {
    when: 'An instance gets requests from now on, or gets no new ones.',
    members: {
      appId: 'id of the app',
      instanceId: INSTANCE_ID,
      taskId: 'id of the task, or null',
      routing: 'in or out',
      cause: 'why, in words',
      causeKind: 'why, as one of a fixed list of words',
    },
  },
  traffic_changed_event: {
    when: 'The shares of the traffic of an app were set or taken back, or ended with the rollout that they were for.',
    members: {
      appId: 'id of the app',
      shares: 'list of {version, weight}; empty: every routed instance counts alike',
      pins: 'list of {by, name, version}, without the values',
      'cause?': 'who set them',
    },
  },
  leader_changed_event: {
    when: 'A control plane took office.',
    members: { leader: 'its host:port', epoch: 'number of the office; grows by 1 each time' },
  },
  alarm_raised_event: {
    when: 'Something needs a person: the brake on mass kills, many lost hosts, a broken invariant.',
    members: {
      id: 'of the alarm, e.g. `mass-kill-brake /shop/web`, and the same when it is cleared',
      kind: '`mass-kill-brake`, `host-brake`, `invariant` or `reconcile`',
      text: 'what it is and what to do',
    },
  },
  alarm_cleared_event: {
    when: 'The reason of an alarm is gone.',
    members: { id: 'of the alarm', kind: 'as it was raised', text: 'as it was raised' },
  },
};
