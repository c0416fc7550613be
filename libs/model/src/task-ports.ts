// The ports of a placed task with their numbers: what its environment says, what its container is told and where the proxy reaches it
// must be the same numbers, so they are worked out here and nowhere else. A pure function of stored rows (decisions.md 9).
import { portsOf, type AppSpec, type ServicePort } from './app-spec.js';
import type { InstanceId } from './ids.js';
import type { Instance } from './instance.js';

export interface TaskPort extends Omit<ServicePort, 'hostPort'> {
  /** As assigned; 0 = none: reached at the task's own address and `containerPort`. */
  readonly hostPort: number;
  /** Absent with host networking; never 0. */
  readonly containerPort?: number;
  /** `containerPort` was made up, for neither the definition nor a host port gives it a number (behaviour.md 12.1). */
  readonly isGenerated: boolean;
}

/** Behaviour.md 12.1. */
const GENERATED = { from: 1025, to: 65_535 } as const;

/**
 * In definition order. Generated numbers hang on the instance, not on its task: an agent without a control plane starts the next task
 * of an instance with what it has (decisions.md 15), and that must stay true when the control plane takes it over.
 */
export function taskPortsOf(
  spec: AppSpec,
  { id, hostPorts }: Pick<Instance, 'id' | 'hostPorts'>,
): readonly TaskPort[] {
  const ports = portsOf(spec);
  const used = new Set([...hostPorts, ...ports.map((each) => each.containerPort ?? 0)]);
  return ports.map((each) => {
    const hostPort = hostPorts[each.index] ?? 0;
    if (each.containerPort === undefined) return { ...each, hostPort, isGenerated: false };
    const told = each.containerPort || hostPort;
    const containerPort = told || generatedPort(id, each.index, used);
    used.add(containerPort);
    return { ...each, hostPort, containerPort, isGenerated: told === 0 };
  });
}

/** The host ports it holds on its agent; ports that have none are left out. */
export const heldPorts = ({ hostPorts }: Pick<Instance, 'hostPorts'>): readonly number[] =>
  hostPorts.filter((port) => port !== 0);

/** Some of its ports have no host port. */
export const needsOwnAddress = ({ hostPorts }: Pick<Instance, 'hostPorts'>): boolean => hostPorts.includes(0);

/** Where its container is reached, as last reported of the current task: the first address (behaviour.md 7.2). */
export const ownAddressOf = ({ taskId, status }: Pick<Instance, 'taskId' | 'status'>): string | undefined =>
  status?.taskId === taskId ? status?.ipAddresses[0]?.ipAddress : undefined;

function generatedPort(id: InstanceId, index: number, used: ReadonlySet<number>): number {
  const size = GENERATED.to - GENERATED.from + 1;
  let at = hashOf(`${id}#${index}`) % size;
  while (used.has(GENERATED.from + at)) at = (at + 1) % size;
  return GENERATED.from + at;
}

/** FNV-1a, 32 bits: spreads well, and is the same everywhere and always. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
