// The traffic of an app in words: a row per version, wanted beside measured.
import { counted } from '#libs/model';
import type { TrafficAnswer, TrafficMeasured } from '#libs/api-client';
import { table } from './table.js';

export function trafficLines(traffic: TrafficAnswer): readonly string[] {
  const { versions, pins, setBy, since, windowSeconds, measured } = traffic;
  const sum = traffic.shares.reduce((all, { weight }) => all + weight, 0);
  const rows = versions.map((each) => [
    ...(each.appId === undefined ? [] : [each.appId]),
    each.version + (each.current ? ' (current)' : ''),
    `${each.routed}/${each.instances}`,
    each.weight === null ? '-' : `${each.weight} (${percent(each.weight, sum)})`,
    percent(each.measured?.requests ?? 0, measured.requests),
    ...measuredCells(each.measured),
  ]);
  const isGroup = versions.some(({ appId }) => appId !== undefined);
  const head = [...(isGroup ? ['APP'] : []), 'VERSION', 'ROUTED', 'WEIGHT', 'GETS', ...MEASURED_HEAD];
  const set = since === undefined ? '' : `; shares set ${since}${setBy === undefined ? '' : ` by ${setBy}`}`;
  const waits = measured.waiting > 0 ? `, ${counted(measured.waiting, 'waits', 'wait')} for a target` : '';
  const failed = errorsOf(measured);
  // those of versions that are gone as well, which have no row any more
  const errors = failed > 0 ? `, ${percent(failed, measured.requests)} errors` : '';
  return [
    `${traffic.appId}: ${rate(measured.perSecond)} in the last ${windowSeconds} s${errors}${waits}${set}`,
    ...(rows.length ? [table(head, rows)] : []),
    ...groupLines(traffic),
    ...pins.map(({ by, name, value, version }) => `pin: ${by} ${name}=${value} goes to ${version}`),
  ];
}

/** What divides the traffic of a deployment group, for the shares of its apps do not. */
function groupLines({ appId, group, shares }: TrafficAnswer): readonly string[] {
  if (!group) return [];
  const divides = 'HAPROXY_DEPLOYMENT_NEW_INSTANCES divides its traffic';
  if (group.id === appId) return [`the deployment group of ${group.apps.join(', ')}: ${divides}`];
  return [
    ...(shares.length
      ? [
          `warning: the shares of ${appId} have no effect in the deployment group ${group.id}, only at /_app${appId}/`,
        ]
      : []),
    `in the deployment group ${group.id}: ${divides}; "longrun traffic ${group.id}" shows all of it`,
  ];
}

const MEASURED_HEAD = ['RATE', 'IN FLIGHT', 'ERRORS', 'RETRIES', 'EJECTED', 'P50', 'P95', 'P99'] as const;

function measuredCells(measured: TrafficMeasured | null): readonly string[] {
  if (!measured) return MEASURED_HEAD.map(() => '-');
  const { perSecond, inFlight, requests, retries, ejections, p50Ms, p95Ms, p99Ms } = measured;
  return [
    rate(perSecond),
    String(inFlight),
    percent(errorsOf(measured), requests),
    String(retries),
    String(ejections),
    ...[p50Ms, p95Ms, p99Ms].map(duration),
  ];
}

/** What the client did not get whole from the app; one that left in the middle wanted it so. A torn 5xx is told twice, hence the bound. */
function errorsOf({ status, broken, aborted, requests }: TrafficMeasured): number {
  return Math.min(requests, status['5xx'] + broken + (aborted?.target ?? 0) + (aborted?.drain ?? 0));
}

const rate = (perSecond: number): string => `${perSecond}/s`;
const percent = (part: number, whole: number): string =>
  whole > 0 ? `${Math.round((part / whole) * 1_000) / 10} %` : '-';
const duration = (ms: number | null): string =>
  ms === null
    ? '-'
    : ms < 10
      ? `${ms.toFixed(1)} ms`
      : ms < 1_000
        ? `${Math.round(ms)} ms`
        : `${(ms / 1_000).toFixed(1)} s`;
