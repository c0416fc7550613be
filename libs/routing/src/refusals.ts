// Sentences by which every engine answers a request that reaches no app: what to do about it, never which apps there are.

/** 404 on a main port. */
export const HOW_TO_REACH =
  'no app is routed for this host and path. An app is reached by its virtual host (label HAPROXY_0_VHOST), at its service port, ' +
  'or from this machine at /_app/<app id>/';

/** 404 under /_app/. */
export const NO_SUCH_APP = 'no app with a TCP port has this id; ids are listed by GET /v2/apps';

/** 403: the label that allows addresses does not name this one. */
export const NOT_FROM_THIS_ADDRESS = 'this app is not served to clients of this address';

/** 401. */
export const ASKS_FOR_PASSWORD = 'this app asks for a name and a password';

/** To the preflight of an origin that the app's labels do not name. */
export const NOT_FROM_THIS_ORIGIN =
  'pages of this origin may not ask this app; its label longrun.io/cors-origins says which may';

/** 413. `limit`: bytes. */
export const tooLong = (limit: number): string =>
  `the body is longer than the ${limit} bytes that this app takes (its label longrun.io/body-limit)`;

/** 504. `silenceMs`: that a target may be silent. */
export const silentFor = (appId: string, silenceMs: number): string =>
  `app ${appId} did not answer within ${silenceMs / 1_000} s`;
