// The launch queue as Marathon shows it (api.md 8). An "offer" is one agent considered in one placement attempt.
import type { AgentInfo, AgentResources, AppVersion } from '#libs/model';
import { timestampOf } from '#libs/model';
import { presentVersion, type VersionedApp } from './apps.js';

/** In the order in which they are tested and listed: an offer counts for its first reason only. */
export const DECLINE_REASONS = [
  'UnfulfilledRole',
  'UnfulfilledConstraint',
  'NoCorrespondingReservationFound',
  'AgentMaintenance',
  'InsufficientCpus',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGpus',
  'InsufficientPorts',
  'DeclinedScarceResources',
] as const;
export type DeclineReason = (typeof DECLINE_REASONS)[number];

/** Reasons of ours that Marathon has no name for, under the nearest one it has: clients know only its list. */
const NEAREST: Readonly<Record<string, DeclineReason>> = {
  AgentUnreachable: 'AgentMaintenance',
  DiskLow: 'InsufficientDisk',
  RuntimeMissing: 'UnfulfilledConstraint',
};

const marathonReason = (reason: string): DeclineReason =>
  DECLINE_REASONS.find((each) => each === reason) ?? NEAREST[reason] ?? 'DeclinedScarceResources';

/** How many offers were looked at, and how many failed for which reason first. */
export interface DeclineTally {
  readonly processed: number;
  readonly declined: Readonly<Partial<Record<DeclineReason, number>>>;
}

export const NOTHING_DECLINED: DeclineTally = { processed: 0, declined: {} };

/** Adds one attempt to a tally; one list of reasons per agent, empty when it fits. Names that Marathon lacks are translated. */
export function addAttempt(
  tally: DeclineTally,
  reasonsPerOffer: readonly (readonly string[])[],
): DeclineTally {
  const declined = { ...tally.declined };
  for (const reasons of reasonsPerOffer) {
    const found = new Set(reasons.map(marathonReason));
    const first = DECLINE_REASONS.find((reason) => found.has(reason));
    if (first) declined[first] = (declined[first] ?? 0) + 1;
  }
  return { processed: tally.processed + reasonsPerOffer.length, declined };
}

export interface DeclinedOfferStep {
  readonly reason: DeclineReason;
  readonly declined: number;
  readonly processed: number;
}

/** Always all reasons: `processed` of one is what the ones before it left. */
export function funnelOf({ processed, declined }: DeclineTally): readonly DeclinedOfferStep[] {
  let left = processed;
  return DECLINE_REASONS.map((reason) => {
    const step = { reason, declined: declined[reason] ?? 0, processed: left };
    left -= step.declined;
    return step;
  });
}

/** An agent that was considered and not used. */
export interface OfferView {
  readonly agent: AgentInfo;
  /** What was free on it. */
  readonly free: AgentResources;
  /** Names as placement gives them. */
  readonly reasons: readonly string[];
  /** Epoch ms. */
  readonly at: number;
}

/** Of one waiting app since it began to wait. Times are epoch ms. */
export interface OfferSummary {
  readonly processedOffersCount: number;
  readonly unusedOffersCount: number;
  readonly lastUnusedOfferAt?: number;
  readonly lastUsedOfferAt?: number;
  /** The last attempt alone. */
  readonly lastOffers: DeclineTally;
  /** All attempts since it waits. */
  readonly launchAttempt: DeclineTally;
}

export interface QueueView {
  readonly version: AppVersion;
  /** Instances still to launch; an app with none is not in the queue. */
  readonly count: number;
  /** Epoch ms. */
  readonly since: number;
  /** End of the launch delay, epoch ms. */
  readonly delayUntil?: number;
  readonly offers: OfferSummary;
  /** Only with `embed=lastUnusedOffers`. */
  readonly lastUnusedOffers?: readonly OfferView[];
}

export interface QueueItem {
  readonly count: number;
  /** Left out while it is the default: marathon-python fails on it (clients.md). */
  readonly role?: string;
  readonly delay: { readonly timeLeftSeconds: number; readonly overdue: boolean };
  readonly since: string;
  readonly processedOffersSummary: Readonly<Record<string, unknown>>;
  readonly lastUnusedOffers?: readonly Readonly<Record<string, unknown>>[];
  readonly app: VersionedApp;
}

/** `now`: epoch ms. */
export function presentQueueItem(view: QueueView, now: number): QueueItem {
  const { version, count, since, delayUntil, lastUnusedOffers } = view;
  const leftMs = Math.max(0, (delayUntil ?? 0) - now);
  const { role } = version.spec;
  return {
    count,
    ...(role === '*' ? {} : { role }),
    delay: { timeLeftSeconds: Math.ceil(leftMs / 1000), overdue: leftMs === 0 },
    since: timestampOf(since),
    processedOffersSummary: presentSummary(view.offers),
    ...(lastUnusedOffers ? { lastUnusedOffers: lastUnusedOffers.map(presentOffer) } : {}),
    app: presentVersion(version),
  };
}

function presentSummary(offers: OfferSummary): Readonly<Record<string, unknown>> {
  const { lastUnusedOfferAt, lastUsedOfferAt } = offers;
  return {
    processedOffersCount: offers.processedOffersCount,
    unusedOffersCount: offers.unusedOffersCount,
    ...(lastUnusedOfferAt === undefined ? {} : { lastUnusedOfferAt: timestampOf(lastUnusedOfferAt) }),
    ...(lastUsedOfferAt === undefined ? {} : { lastUsedOfferAt: timestampOf(lastUsedOfferAt) }),
    rejectSummaryLastOffers: funnelOf(offers.lastOffers),
    rejectSummaryLaunchAttempt: funnelOf(offers.launchAttempt),
  };
}

function presentOffer({ agent, free, reasons, at }: OfferView): Readonly<Record<string, unknown>> {
  const scalar = (name: string, value: number) => ({ name, role: '*', scalar: value });
  const ranges = free.ports.map(({ from, to }) => ({ begin: from, end: to }));
  return {
    offer: {
      id: `${agent.id}-${at}`,
      hostname: agent.hostname,
      agentId: agent.id,
      resources: [
        scalar('cpus', free.cpus),
        scalar('mem', free.mem),
        scalar('disk', free.disk),
        { name: 'ports', role: '*', ranges },
      ],
      attributes: Object.entries(agent.attributes).map(([name, text]) => ({ name, text })),
    },
    reason: [...new Set(reasons.map(marathonReason))],
    timestamp: timestampOf(at),
  };
}
