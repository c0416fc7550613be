// How much history a store keeps. The numbers are promises to clients, so both stores take them from here.

/** Versions of one app; older ones go unless an instance runs them or the app is at them (Marathon keeps 50 too). */
export const VERSIONS_KEPT = 50;
/** Ended deployments of the whole cluster: about a month at one every 45 minutes, a few MiB. */
export const DEPLOYMENTS_KEPT = 1000;
/** decisions.md 6: whichever is reached first. */
export const EVENTS_KEPT = 1_000_000;
export const EVENTS_KEPT_MS = 7 * 24 * 3600 * 1000;

/** Of instances that are gone. One that exists keeps its reasons, however old, for it is asked about as long as it runs. */
export const REASONS_KEPT_MS = EVENTS_KEPT_MS;
/** Newest ones of one instance; besides them its first one (why it was made) is kept. */
export const REASONS_PER_INSTANCE = 100;
