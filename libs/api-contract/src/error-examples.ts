// One example of each error text, made by the function that makes the real one: the reference shows them, and a spec sees that no
// function is without its example.
import type { LongrunError } from './errors.js';
import { failures } from './failures.js';

const DEPLOYMENT = '5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43';
const VERSION = '2026-01-31T12:00:00.000Z';

export const ERROR_EXAMPLES: Readonly<Partial<Record<keyof typeof failures, LongrunError>>> = {
  invalidJson: failures.invalidJson('Unexpected end of JSON input'),
  emptyBody: failures.emptyBody(),
  invalidDefinition: failures.invalidDefinition({
    kind: 'problems',
    stage: 'schema',
    problems: [{ path: '/instances', errors: ['error.expected.jsnumber'] }],
  }),
  ruleViolation: failures.ruleViolation('/networks', 'host and container networks cannot be mixed'),
  invalidArgument: failures.invalidArgument("There is no logger 'http'. Known: ROOT, control-plane."),
  invalidTimestamp: failures.invalidTimestamp('yesterday'),
  invalidLabelSelector: failures.invalidLabelSelector('a in (', 'a term is missing'),
  updateWithoutId: failures.updateWithoutId(),
  badRequest: failures.badRequest('The path must not hold a NUL character.'),
  scaleAndWipe: failures.scaleAndWipe(),
  invalidTaskId: failures.invalidTaskId('web'),
  appNotFound: failures.appNotFound('/shop/web'),
  podNotFound: failures.podNotFound('/shop/web'),
  groupNotFound: failures.groupNotFound('/shop', VERSION),
  taskNotFound: failures.taskNotFound('shop_web.6bd43f0f-2b35-4a37-8d4f-fb3a0d6a8d5e'),
  pathNotFound: failures.pathNotFound('/shop/web'),
  deploymentNotFound: failures.deploymentNotFound(DEPLOYMENT),
  notInQueue: failures.notInQueue('/shop/web'),
  noPlugin: failures.noPlugin('auth'),
  leaderNotFound: failures.leaderNotFound(),
  notFound: failures.notFound('Agent', 'a1'),
  uriNotFound: failures.uriNotFound(),
  appExists: failures.appExists('/shop/web'),
  locked: failures.locked([DEPLOYMENT]),
  tooManyDeployments: failures.tooManyDeployments(100),
  conflict: failures.conflict('This proxy has seen epoch 8, this control plane has 7.'),
  cursorGone: failures.cursorGone(12_001),
  cursorAhead: failures.cursorAhead(90_000, 12_345),
  servicePortsExhausted: failures.servicePortsExhausted(10_000, 20_000),
  methodNotAllowed: failures.methodNotAllowed(),
  notAcceptable: failures.notAcceptable(),
  unsupportedMediaType: failures.unsupportedMediaType(),
  payloadTooLarge: failures.payloadTooLarge(),
  unauthorized: failures.unauthorized(),
  forbidden: failures.forbidden('change apps'),
  foreignOrigin: failures.foreignOrigin('https://elsewhere.example'),
  badHost: failures.badHost('elsewhere.example'),
  storageUnavailable: failures.storageUnavailable(),
  notLeading: failures.notLeading(),
  noLeader: failures.noLeader(),
  overloaded: failures.overloaded(200),
  diskFull: failures.diskFull('/var/lib/longrun', 3.2),
  internal: failures.internal(),
};
