// The errors by name: one function per situation, so that every text is written once and clients can match on it (api.md 1.3).
import { piece, type ProblemList } from '#libs/model';
import { LongrunError } from './errors.js';

export const failures = {
  /** `parserText`: what the JSON parser said. */
  invalidJson: (parserText: string) =>
    new LongrunError('invalid-json', 'Invalid JSON', { details: parserText }),
  emptyBody: (parserText = 'No content to map due to end of input') =>
    new LongrunError('empty-body', 'Please specify data in JSON format', { details: parserText }),
  /** A definition that `parseApp` or `mergeUpdate` refused. */
  invalidDefinition: (refusal: ProblemList) =>
    refusal.stage === 'schema'
      ? new LongrunError('schema-violation', 'Invalid JSON', { details: refusal.problems })
      : new LongrunError('rule-violation', 'Object is not valid', { details: refusal.problems }),
  /** One broken rule; path `/` for the whole object. */
  ruleViolation: (path: string, ...errors: string[]) =>
    new LongrunError('rule-violation', 'Object is not valid', { details: [{ path, errors }] }),
  invalidArgument: (message: string) => new LongrunError('invalid-argument', message),
  invalidTimestamp: (text: string) =>
    new LongrunError(
      'invalid-argument',
      `Invalid timestamp provided '${piece(text)}'. Expecting ISO-8601 datetime string.`,
    ),
  invalidLabelSelector: (selector: string, reason: string) =>
    new LongrunError('invalid-argument', `Can not parse label selector '${piece(selector)}': ${reason}`),
  updateWithoutId: () =>
    new LongrunError('invalid-argument', 'requirement failed: App Update must have app id set'),
  badRequest: (message: string) => new LongrunError('bad-request', message),
  scaleAndWipe: () => new LongrunError('bad-request', 'You cannot use scale and wipe at the same time.'),
  invalidTaskId: (id: string) =>
    new LongrunError('bad-request', `Invalid task id '${piece(id)}'. Expected <app path>.<uuid>.`),
  appNotFound: (id: string, version?: string) =>
    new LongrunError('not-found', `App '${piece(id)}' does not exist${inVersion(version)}`),
  podNotFound: (id: string) =>
    new LongrunError('not-found', `Pod '/${piece(id.replace(/^\/+/, ''))}' does not exist`),
  /** `url`: the id in the URL. */
  podIdMismatch: (url: string, id: string) =>
    new LongrunError('bad-request', `'${piece(url)}' does not match definition's id ('${piece(id)}')`),
  groupNotFound: (id: string, version?: string) =>
    new LongrunError('not-found', `Group '${piece(id)}' does not exist${inVersion(version)}`),
  taskNotFound: (id: string) => new LongrunError('not-found', `Task '${piece(id)}' does not exist`),
  pathNotFound: (id: string) => new LongrunError('not-found', `Path '${piece(id)}' does not exist`),
  deploymentNotFound: (id: string) =>
    new LongrunError('not-found', `DeploymentPlan ${piece(id)} does not exist`),
  notInQueue: (id: string) =>
    new LongrunError('not-found', `Application ${piece(id)} not found in tasks queue.`),
  noPlugin: (id: string) => new LongrunError('not-found', `No plugin with this pluginId: ${piece(id)}`),
  leaderNotFound: () => new LongrunError('not-found', 'There is no leader'),
  /** For what only `/v3` knows: agents, proxies, instances. */
  notFound: (kind: string, id: string) =>
    new LongrunError('not-found', `${kind} '${piece(id)}' does not exist`),
  /** `days`: how long reasons are kept of what is gone. */
  noReasons: (id: string, days: number) =>
    new LongrunError(
      'not-found',
      `No instance or task '${piece(id)}' is known. Reasons are kept for ${days} days after an instance is gone; ` +
        "GET /v3/instances lists those that exist, GET /v3/apps/ID/why what happened to an app's.",
    ),
  /** `hint`: what there is instead. */
  uriNotFound: (hint?: string) =>
    new LongrunError('uri-not-found', hint === undefined ? 'URI not found' : `URI not found. ${hint}`),
  groupVersionUnknown: (id: string, version: string) =>
    new LongrunError('invalid-argument', `Group '${piece(id)}' does not exist${inVersion(version)}`),
  groupExists: (id: string) =>
    new LongrunError('already-exists', `Group ${id} is already created. Use PUT to change this group.`),
  groupIsApp: (id: string) =>
    new LongrunError('already-exists', `An app with the path ${id} already exists.`),
  appExists: (id: string) => new LongrunError('already-exists', `An app with id [${id}] already exists.`),
  locked: (deployments: readonly string[]) =>
    new LongrunError(
      'deployment-lock',
      "App is locked by one or more deployments. Override with the option '?force=true'. " +
        "View details at '/v2/deployments/<DEPLOYMENT_ID>'.",
      { deployments },
    ),
  tooManyDeployments: (max: number) =>
    new LongrunError(
      'too-many-deployments',
      `Max number (${max}) of running deployments reached. Wait until some are done, or cancel one.`,
    ),
  conflict: (message: string) => new LongrunError('conflict', message),
  /** `oldest`: number of the oldest event that is still kept. */
  cursorGone: (oldest: number) =>
    new LongrunError(
      'cursor-gone',
      `Events before number ${oldest} are no longer kept. Read the state anew and open the stream without a cursor, ` +
        `or go on from the oldest one with Last-Event-ID ${oldest - 1}.`,
    ),
  /** `newest`: number of the newest event that there is. */
  cursorAhead: (cursor: number, newest: number) =>
    new LongrunError(
      'cursor-gone',
      `Last-Event-ID ${cursor} is beyond the newest event, ${newest}: it is of another cluster, or of the time before a ` +
        'backup was restored. Read the state anew and open the stream without a cursor.',
    ),
  servicePortsExhausted: (from: number, to: number) =>
    new LongrunError(
      'service-ports-exhausted',
      `No service port is free in the range ${from}-${to}. Remove apps, or widen the range with --service-ports.`,
    ),
  methodNotAllowed: () => new LongrunError('method-not-allowed', 'Method Not Allowed'),
  notAcceptable: () => new LongrunError('not-acceptable', 'Not Acceptable'),
  unsupportedMediaType: (why = 'Unsupported Media Type') => new LongrunError('unsupported-media-type', why),
  payloadTooLarge: () => new LongrunError('payload-too-large', 'Payload Too Large'),
  unauthorized: () =>
    new LongrunError(
      'unauthorized',
      'Credentials are missing or wrong. Send them in the Authorization header.',
    ),
  /** Of an agent or a proxy, which shows a token. */
  wrongToken: (role: 'agent' | 'proxy') =>
    new LongrunError(
      'unauthorized',
      `The token is missing or is not that of ${role === 'agent' ? 'agents' : 'proxies'}. Give it by --token-file or LONGRUN_TOKEN: the one that the control plane ` +
        `got by --${role}-token-file; with "longrun up" the member "${role}" of tokens.json in its --data-dir.`,
    ),
  forbidden: (what: string) => new LongrunError('forbidden', `These credentials do not allow to ${what}.`),
  foreignOrigin: (origin: string) =>
    new LongrunError('foreign-origin', `Requests from web pages of ${piece(origin)} are refused.`),
  badHost: (host: string) =>
    new LongrunError(
      'bad-host',
      `The Host header '${piece(host)}' names no host of this server. Use its address or localhost.`,
    ),
  storageUnavailable: (cause?: unknown) =>
    new LongrunError('storage-unavailable', 'The database cannot be reached at the moment. Try again.', {
      cause,
    }),
  notLeading: () =>
    new LongrunError('not-leading', 'This control plane does not lead at the moment. Try again.'),
  noLeader: () => new LongrunError('no-leader', 'Could not determine the current leader'),
  overloaded: (limit: number) =>
    new LongrunError('overloaded', `Too many concurrent requests! Allowed: ${limit}.`),
  diskFull: (path: string, freePercent: number) =>
    new LongrunError(
      'disk-full',
      `The disk of ${path} has only ${freePercent.toFixed(1)} % free. Make room there; deploys are refused below 5 %.`,
    ),
  /** The cause goes to the log, never to the client. */
  internal: (cause?: unknown) =>
    new LongrunError('internal', 'Internal error. The log of the control plane has the details.', { cause }),
} as const;

const inVersion = (version?: string): string =>
  version === undefined ? '' : ` in version ${piece(version)}`;
