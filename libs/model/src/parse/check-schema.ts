// The schema of health checks, readiness checks and `check` (app.md A7).
import { command } from './command-schema.js';
import { portNumber } from './port-schema.js';
import {
  filled,
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  required,
  text,
  type ReadBy,
} from './reader.js';
import { seconds } from './strategy-schema.js';

const BETWEEN = 'From one time to the next.';
const LATE = 'No answer after this time is a failure.';
const portIndex = optional(integer({ min: 0 }), 'Index of a port of the app, from 0.');
const port = optional(portNumber, 'A fixed port number; wins over portIndex.', 8080);

export const healthCheck = object({
  protocol: filled(
    oneOf('HTTP', 'HTTPS', 'TCP', 'MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP', 'COMMAND'),
    'HTTP',
    'How it is asked. All are made on the agent; HTTPS takes any certificate.',
  ),
  path: optional(text({ max: 65_536 }), 'HTTP kinds only; absent: /.', '/health'),
  port,
  portIndex,
  command: optional(
    object({ value: required(text({ min: 1, max: 65_536 }), 'Run by /bin/sh -c.', 'test -f ready') }),
    'Mandatory with COMMAND.',
  ),
  gracePeriodSeconds: filled(seconds, 300, 'Failures in this time after the start do not count.'),
  intervalSeconds: filled(seconds, 60, BETWEEN),
  timeoutSeconds: filled(seconds, 20, LATE),
  maxConsecutiveFailures: filled(
    seconds,
    3,
    'So many failures on end and the instance is replaced, with HTTP, HTTPS and TCP one more; 0: never.',
  ),
  delaySeconds: filled(seconds, 15, 'Time before the first check; MESOS_* and COMMAND only.'),
  ignoreHttp1xx: filled(flag, false, 'Answers 100 to 199 are neither success nor failure.'),
  ipProtocol: filled(oneOf('IPv4', 'IPv6'), 'IPv4', 'IPv6 for MESOS_* kinds with type DOCKER only.'),
});
export type HealthCheckInput = ReadBy<typeof healthCheck>;

export const readinessCheck = object({
  name: filled(text({ min: 1 }), 'readinessCheck', 'Shown with its result.'),
  protocol: filled(oneOf('HTTP', 'HTTPS'), 'HTTP', 'How it is asked.'),
  path: filled(text({ min: 1, max: 1024 }), '/', 'What is asked for.', '/ready'),
  portName: filled(text(), 'http-api', 'Name of a port of the app.'),
  intervalSeconds: filled(seconds, 30, BETWEEN),
  timeoutSeconds: filled(integer({ min: 1 }), 10, 'Less than intervalSeconds.'),
  httpStatusCodesForReady: optional(
    list(integer({ min: 100, max: 999 })),
    'Absent: 200. Not empty.',
    [200, 204],
  ),
  preserveLastResponse: filled(flag, false, 'Show the last answer in readinessCheckResults.'),
});
export type ReadinessCheckInput = ReadBy<typeof readinessCheck>;

export const check = object({
  http: optional(
    object({
      portIndex,
      port,
      path: optional(text(), 'Absent: /.', '/health'),
      scheme: filled(oneOf('HTTP', 'HTTPS'), 'HTTP', 'HTTPS is refused.'),
    }),
    'Exactly one of http, tcp and exec.',
  ),
  tcp: optional(object({ portIndex, port }), 'Whether the port accepts connections.'),
  exec: optional(object({ command: required(command, 'What runs.') }), 'The exit code of a command.'),
  intervalSeconds: filled(seconds, 60, BETWEEN),
  timeoutSeconds: filled(seconds, 20, LATE),
  delaySeconds: filled(seconds, 15, 'Time before the first one.'),
});
export type CheckInput = ReadBy<typeof check>;
