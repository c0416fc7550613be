// Health checks in canonical form and the rules about all kinds of checks (app.md A7).
import type { AgentCheck, HealthCheck, ReadinessCheck } from '../app-spec.js';
import { piece } from '../piece.js';
import type { AppInput } from './app-schema.js';
import type { CheckInput, HealthCheckInput, ReadinessCheckInput } from './check-schema.js';
import type { AppPorts } from './port-rules.js';
import type { Problems } from './problems.js';

/**
 * Fills `portIndex` 0 in where neither it nor `port` is given (it means the same, and reading back a definition gives the same
 * definition), drops what a protocol does not use, and makes equal checks one.
 */
export function healthChecksOf(checks: readonly HealthCheckInput[]): readonly HealthCheck[] {
  const seen = new Set<string>();
  return checks.map(canonical).filter((each) => {
    const key = JSON.stringify(each);
    return seen.has(key) ? false : seen.add(key);
  });
}

function canonical(input: HealthCheckInput): HealthCheck {
  const { path, port, portIndex, command, ...rest } = input;
  if (rest.protocol === 'COMMAND') return { ...rest, ...(command ? { command } : {}) };
  return {
    ...rest,
    ...(path === undefined || isTcp(rest.protocol) ? {} : { path }),
    ...(port === undefined ? {} : { port }),
    ...(portIndex !== undefined ? { portIndex } : port === undefined ? { portIndex: 0 } : {}),
  };
}

const isTcp = (protocol: HealthCheck['protocol']): boolean => protocol === 'TCP' || protocol === 'MESOS_TCP';
const isMesos = (protocol: HealthCheck['protocol']): boolean => protocol.startsWith('MESOS_');

export function checkHealthChecks(app: AppInput, { ports }: AppPorts, problems: Problems): void {
  app.healthChecks.forEach((each, index) => {
    const fail = (text: string): void => problems.add(`/healthChecks(${index})`, text);
    if (each.protocol === 'COMMAND') checkCommand(each, fail);
    else checkPortOf(each, ports.length, fail);
    const ipv6 = isMesos(each.protocol) && app.container?.type === 'DOCKER';
    if (each.ipProtocol === 'IPv6' && !ipv6) {
      fail('IPv6 is possible only for MESOS_* checks with a container of type DOCKER');
    }
  });
  const byAgent = healthChecksOf(app.healthChecks).filter(({ protocol }) => isMesos(protocol));
  if (byAgent.length > 1) problems.add('/', 'can have one MESOS_* health check at most');
}

function checkCommand(each: HealthCheckInput, fail: (text: string) => void): void {
  if (!each.command) fail("COMMAND needs 'command'");
  if (each.path !== undefined) fail("COMMAND must not have 'path'");
  if (each.port !== undefined) fail("COMMAND must not have 'port'");
}

function checkPortOf(each: HealthCheckInput, ports: number, fail: (text: string) => void): void {
  if (each.command) fail("'command' is possible with the protocol COMMAND only");
  if (each.portIndex !== undefined) {
    if (each.portIndex >= ports) fail(`portIndex ${each.portIndex} names no port, the app has ${ports}`);
  } else if (each.port === undefined && ports !== 1) {
    fail(`needs 'portIndex' or 'port', for the app has ${ports} ports`);
  }
}

/** The rules of readiness checks and of `check`. */
export function checkOtherChecks(app: AppInput, { ports }: AppPorts, problems: Problems): void {
  if (app.readinessChecks.length > 1)
    problems.add('/readinessChecks', 'can have one readiness check at most');
  app.readinessChecks.forEach((each, index) => {
    const path = `/readinessChecks(${index})`;
    if (!ports.some(({ name }) => name === each.portName)) {
      problems.add(`${path}/portName`, `must be the name of a port, '${piece(each.portName)}' is none`);
    }
    if (each.timeoutSeconds >= each.intervalSeconds) {
      problems.add(`${path}/timeoutSeconds`, 'must be less than intervalSeconds');
    }
    if (each.httpStatusCodesForReady?.length === 0) {
      problems.add(`${path}/httpStatusCodesForReady`, 'must not be empty');
    }
  });
  const { check } = app;
  if (!check) return;
  if (app.container?.type === 'DOCKER')
    problems.add('/', "'check' is not possible with a container of type DOCKER");
  const kinds = [check.http, check.tcp, check.exec].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) problems.add('/check', 'must have exactly one of http, tcp, exec');
  if (check.http?.scheme === 'HTTPS') problems.add('/check/http/scheme', 'HTTPS is not supported');
  checkPortOfCheck(check.http ?? check.tcp, ports.length, problems);
}

/** Marathon leaves this to the agent, where such a check can never have a result. */
function checkPortOfCheck(
  probe: { readonly port?: number; readonly portIndex?: number } | undefined,
  ports: number,
  problems: Problems,
): void {
  if (!probe || probe.port !== undefined) return;
  const { portIndex = 0 } = probe;
  if (portIndex >= ports)
    problems.add('/check', `portIndex ${portIndex} names no port, the app has ${ports}`);
}

/** Only for input that passed the rules. */
export function agentCheckOf({ http, tcp, exec, ...times }: CheckInput): AgentCheck {
  return {
    ...(http ? { http: { ...http, scheme: 'HTTP' } } : {}),
    ...(tcp ? { tcp } : {}),
    ...(exec ? { exec } : {}),
    ...times,
  };
}

export const readinessCheckOf = ({
  httpStatusCodesForReady = [200],
  ...input
}: ReadinessCheckInput): ReadinessCheck => ({ ...input, httpStatusCodesForReady });
