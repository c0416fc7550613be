// The schema of health checks, readiness checks and `check` (app.md A7).
import {
  anything,
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
import { portNumber } from './port-schema.js';

const seconds = integer({ min: 0 });

export const healthCheck = object({
  protocol: filled(
    oneOf('HTTP', 'HTTPS', 'TCP', 'MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP', 'COMMAND'),
    'HTTP',
  ),
  path: optional(text({ max: 65_536 })),
  port: optional(portNumber),
  portIndex: optional(integer({ min: 0 })),
  command: optional(object({ value: required(text({ min: 1, max: 65_536 })) })),
  gracePeriodSeconds: filled(seconds, 300),
  intervalSeconds: filled(seconds, 60),
  timeoutSeconds: filled(seconds, 20),
  maxConsecutiveFailures: filled(seconds, 3),
  delaySeconds: filled(seconds, 15),
  ignoreHttp1xx: filled(flag, false),
  ipProtocol: filled(oneOf('IPv4', 'IPv6'), 'IPv4'),
});
export type HealthCheckInput = ReadBy<typeof healthCheck>;

export const readinessCheck = object({
  name: filled(text({ min: 1 }), 'readinessCheck'),
  protocol: filled(oneOf('HTTP', 'HTTPS'), 'HTTP'),
  path: filled(text({ min: 1, max: 1024 }), '/'),
  portName: filled(text(), 'http-api'),
  intervalSeconds: filled(seconds, 30),
  timeoutSeconds: filled(integer({ min: 1 }), 10),
  httpStatusCodesForReady: optional(list(integer({ min: 100, max: 999 }))),
  preserveLastResponse: filled(flag, false),
});
export type ReadinessCheckInput = ReadBy<typeof readinessCheck>;

const port = { portIndex: optional(integer({ min: 0 })), port: optional(portNumber) };
export const check = object({
  http: optional(object({ ...port, path: optional(text()), scheme: filled(oneOf('HTTP', 'HTTPS'), 'HTTP') })),
  tcp: optional(object(port)),
  exec: optional(object({ command: required(anything) })),
  intervalSeconds: filled(seconds, 60),
  timeoutSeconds: filled(seconds, 20),
  delaySeconds: filled(seconds, 15),
});
export type CheckInput = ReadBy<typeof check>;
