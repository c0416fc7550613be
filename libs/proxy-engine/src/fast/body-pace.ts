// A least pace for the bodies of requests. The time-out of silence alone lets a client that sends an octet now and then hold a connection to
// a target for good. The average since the body began is judged, as Kestrel does (MinRequestBodyDataRate; Apache: RequestReadTimeout with
// MinRate), and only while the client could send: not while it was told to wait. Once the target has begun to answer nobody is hurried:
// both sides know of each other then. HTTP/2, upgrades and answers are not judged.

export interface BodyPace {
  /** Octets of the body per second, without what frames them; 0: any. */
  readonly bytesPerSecond: number;
  /** What the client may take before it is judged. */
  readonly graceMs: number;
}

/** Kestrel's rate; its grace of 5 s would be hard on people on trains. */
export const BODY_PACE: BodyPace = { bytesPerSecond: 240, graceMs: 30_000 };
/** How often a body is looked at. */
export const LOOK_MS = 1_000;

/**
 * Looks are counted and not time: a process that was late or frozen finds what came meanwhile before the next one. `looks` are those in
 * which the client could send, `bytes` what it has sent in all.
 */
export function isTooSlow({ bytesPerSecond, graceMs }: BodyPace, looks: number, bytes: number): boolean {
  const ms = looks * LOOK_MS;
  return ms > graceMs && bytes < (bytesPerSecond * ms) / 1000;
}

export const tooSlow = ({ bytesPerSecond }: BodyPace): string =>
  `the body of the request came at less than ${bytesPerSecond} bytes per second (the app's label longrun.io/body-min-rate)`;
