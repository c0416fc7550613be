// From the text of a frame to what an agent may say (decisions.md 20). The sender has a token, but it may be an agent of another
// release or one with a bug: whatever is stored from here is decided upon by every later pass, so nothing unread gets further.
import { PROTOCOL_VERSION, type FromAgent } from '#libs/agent-protocol';
import {
  either,
  isAmount,
  isCount,
  isFlag,
  isName,
  isNull,
  isNumber,
  isPort,
  isRecord,
  isText,
  isTime,
  listOf,
  mapOf,
  oneOf,
  optional,
  shape,
  type Check,
} from '../http/shape.js';

/** Null: nothing that an agent of this protocol says. */
export function readFrame(text: string): FromAgent | null {
  try {
    const frame: unknown = JSON.parse(text);
    if (!isRecord(frame) || typeof frame['type'] !== 'string') return null;
    const check = Object.hasOwn(FRAMES, frame['type']) ? FRAMES[frame['type']] : undefined;
    return check?.(frame) ? (frame as unknown as FromAgent) : null;
  } catch {
    return null; // the caller ends the session and says so
  }
}

const isOtherProtocol: Check = (value) => isCount(value) && value !== PROTOCOL_VERSION;

const agentInfo = shape({
  id: isName,
  hostname: isName,
  address: isName,
  attributes: mapOf(isText),
  region: optional(isText),
  zone: optional(isText),
  resources: shape({
    cpus: isAmount,
    mem: isAmount,
    disk: isAmount,
    ports: listOf(shape({ from: isPort, to: isPort })),
  }),
  runtimes: listOf(isText),
  version: isText,
  warnings: listOf(isText),
});

const isStatusCode: Check = (value) => isCount(value) && Number(value) <= 999;
/** Of what a task answered: agents cut it far below. */
const textUpTo =
  (characters: number): Check =>
  (value) =>
    typeof value === 'string' && value.length <= characters;

const health = shape({
  alive: isFlag,
  consecutiveFailures: isCount,
  firstSuccessAt: optional(isTime),
  lastSuccessAt: optional(isTime),
  lastFailureAt: optional(isTime),
  lastFailureCause: optional(isText),
});

const status = shape({
  instanceId: isName,
  appId: isName,
  taskId: isName,
  incarnation: isCount,
  run: isCount,
  sequence: isCount,
  phase: oneOf('waiting', 'pulling', 'starting', 'running', 'stopping', 'ended', 'rejected'),
  startedAt: optional(isTime),
  since: isTime,
  exit: optional(
    shape({
      code: optional(isNumber),
      signal: optional(isText),
      requested: isFlag,
      outOfMemory: isFlag,
      message: isText,
    }),
  ),
  reject: optional(
    shape({
      reason: oneOf('port-taken', 'image-not-found', 'runtime-missing', 'invalid', 'temporary'),
      message: isText,
      port: optional(isPort),
    }),
  ),
  health: listOf(either(health, isNull)),
  accepting: isFlag,
  readiness: optional(
    shape({
      ready: isFlag,
      lastResponse: optional(
        shape({ status: isStatusCode, contentType: textUpTo(1_000), body: textUpTo(16_384) }),
      ),
    }),
  ),
  check: optional(
    shape({
      http: optional(shape({ statusCode: optional(isStatusCode) })),
      tcp: optional(shape({ succeeded: isFlag })),
      command: optional(shape({ exitCode: optional(isNumber) })),
    }),
  ),
  pull: optional(shape({ doneBytes: isAmount, totalBytes: isAmount, text: isText })),
  ipAddresses: listOf(shape({ ipAddress: isText, protocol: oneOf('IPv4', 'IPv6') })),
  handle: optional(isText),
  autonomous: isFlag,
});

const FRAMES: Readonly<Record<string, Check>> = {
  // of another protocol only what it takes to refuse it in words
  hello: either(
    shape({ protocol: isOtherProtocol, agent: shape({ id: isName }) }),
    shape({
      protocol: isCount,
      cluster: either(isText, isNull),
      agent: agentInfo,
      run: isCount,
      epoch: isCount,
    }),
  ),
  statuses: shape({ items: listOf(status) }),
  'agent-update': shape({ agent: agentInfo, diskLow: isFlag }),
  'assignments-ack': shape({ number: isCount }),
  heartbeat: shape({ heard: optional(isTime) }),
  'log-chunk': shape({ request: isText, text: isText, end: isFlag, error: optional(isText) }),
};
