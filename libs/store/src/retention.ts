// How much history a store keeps. The numbers are promises to clients, so both stores take them from here.

/** Versions of one app; older ones go unless an instance runs them or the app is at them (Marathon keeps 50 too). */
export const VERSIONS_KEPT = 50;
/** Ended deployments of the whole cluster: about a month at one every 45 minutes, a few MiB. */
export const DEPLOYMENTS_KEPT = 1000;
/** decisions.md 6: whichever is reached first. */
export const EVENTS_KEPT = 1_000_000;
export const EVENTS_KEPT_MS = 7 * 24 * 3600 * 1000;
