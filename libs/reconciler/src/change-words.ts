// The smallest changes as sentences for a person: what to do, on which host, and how much.
import { counted, timestampOf } from '#libs/model';
import type { AgentId, AppSpec } from '#libs/model';
import { constraintName } from '#libs/placement';
import type { Amounts, ChangeStep, NewAgent, Resource } from '#libs/placement';
import type { ClusterSnapshot } from './snapshot.js';

export interface ChangeNames {
  readonly spec: AppSpec;
  readonly snapshot: Pick<ClusterSnapshot, 'agents' | 'proxies'>;
  readonly now: number;
}

/** Without a full stop; steps are joined, since all of them are needed. */
export const changeText = (steps: readonly ChangeStep[], names: ChangeNames): string =>
  steps.map((each) => stepText(each, names)).join(', and ');

function stepText(step: ChangeStep, names: ChangeNames): string {
  const host = (id: AgentId): string => names.snapshot.agents.get(id)?.info.hostname ?? id;
  const { spec } = names;
  switch (step.kind) {
    case 'wait-until':
      return `wait until ${timestampOf(step.at)}: until then host ports that were found taken on ${host(step.agentId)} are left alone`;
    case 'wait-for-proxies':
      return proxiesText(step, names);
    case 'return-agent':
      return `bring the agent on ${host(step.agentId)} back`;
    case 'free-host-disk':
      return `make room on the disk of ${host(step.agentId)}, until 5 % are free`;
    case 'add-runtime':
      return step.runtime === 'docker'
        ? `start a Docker Engine on ${host(step.agentId)}`
        : `let the agent on ${host(step.agentId)} run processes`;
    case 'set-attribute':
      return `start the agent on ${host(step.agentId)} with the attribute ${step.field}:${step.value}`;
    case 'lower-resources': {
      const parts = amounts(
        step.to,
        (each, to) => `${each} from ${shown(spec[each])} to ${shown(to)} ${UNITS[each]}`,
      );
      return `lower ${parts}, the most that fits on ${host(step.agentId)}`;
    }
    case 'stop-instances': {
      const count = step.instances.length;
      return `scale ${step.appId} down by ${count}, by its instance${count === 1 ? '' : 's'} on ${host(step.agentId)}: ${few(step.instances)}`;
    }
    case 'free-resources':
      return `free ${amounts(step.amounts, inUnits)} on ${host(step.agentId)}; no single app there is enough`;
    case 'change-host-ports': {
      const parts = step.ports.map(({ from, to }) => `host port ${to} instead of ${from}`);
      // a fixed port is had once on each host, so what helps this instance helps no other one there
      const several =
        spec.instances > 1
          ? ` (for one instance there; host port 0 takes any free one, for all ${spec.instances})`
          : '';
      return `ask for ${parts.join(' and ')}, free on ${host(step.agentId)}${several}`;
    }
    case 'relax-constraint': {
      // each step lets in one more; those that wait behind it may need the next
      const more = step.to.operator === 'MAX_PER' && spec.instances > 1 ? ', for one more instance' : '';
      return `relax the constraint "${nameOf(spec, step.index)}" to "${constraintName(step.to)}"${more}`;
    }
    case 'drop-constraint':
      return `drop the constraint "${nameOf(spec, step.index)}"`;
    case 'start-agent':
      return newAgentText(step.agent);
  }
}

function proxiesText(
  { table, proxies }: Extract<ChangeStep, { kind: 'wait-for-proxies' }>,
  { snapshot, now }: ChangeNames,
): string {
  const names = proxies.map((id) => {
    const proxy = snapshot.proxies.get(id);
    if (!proxy) return id;
    const gone = proxy.leaseUntil <= now ? ', without a lease: remove it if it is gone for good' : '';
    return `${id} at ${proxy.address} (at table ${proxy.confirmed.number}${gone})`;
  });
  return `wait until route table ${table} is confirmed by ${few(names)}: until then other apps' requests may still reach the ports`;
}

function newAgentText(agent: NewAgent): string {
  const { cpus, mem, disk, ports, fixedPorts, runtime, hostname, region, zone, attributes } = agent;
  const told = [
    ...(hostname === undefined ? [] : [`hostname ${hostname}`]),
    ...(region === undefined ? [] : [`region ${region}`]),
    ...(zone === undefined ? [] : [`zone ${zone}`]),
    ...Object.entries(attributes).map(([name, value]) => `attribute ${name}:${value}`),
    ...(ports ? [counted(ports, 'free host port')] : []),
    ...(fixedPorts.length ? [`host port ${fixedPorts.join(', ')}`] : []),
  ];
  const least = amounts({ cpus, mem, ...(disk > 0 ? { disk } : {}) }, inUnits);
  const more = told.length ? `, and ${told.join(', ')}` : '';
  return `start an agent with the ${runtime} runtime, at least ${least}${more}`;
}

function amounts(given: Amounts, text: (resource: Resource, amount: number) => string): string {
  const parts = (['cpus', 'mem', 'disk'] as const).flatMap((each) => {
    const amount = given[each];
    return amount === undefined ? [] : [text(each, amount)];
  });
  return parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}` : parts.join('');
}

const nameOf = ({ constraints }: AppSpec, index: number): string => {
  const constraint = constraints[index];
  return constraint ? constraintName(constraint) : `number ${index}`;
};
const UNITS = { cpus: 'cores', mem: 'MiB', disk: 'MiB' } as const;
const WORDS = { cpus: 'cores', mem: 'MiB of memory', disk: 'MiB of disk' } as const;
const inUnits = (resource: Resource, amount: number): string => `${shown(amount)} ${WORDS[resource]}`;
const shown = (value: number): string => String(Math.round(value * 1000) / 1000);
const few = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
