// An address on a container network belongs to an instance as long as a container of it is on this Engine, running or ended: a crash does
// not give it to another app, and the next task of the instance has it again. That holds without a control plane, too, when nobody
// can tell the proxies of another one. Only where the Engine lets addresses be asked for: networks made with a subnet.
import type { TaskId } from '#libs/model';
import { RuntimeError, type TaskLaunch } from '#libs/runtime';
import { chooseAddress } from './address-choice.js';
import { LABEL } from './container-labels.js';
import type { ContainerDraft } from './docker-parameters.js';
import type { EngineClient, InspectedNetwork } from './engine-client.js';

/** How often somebody else may be quicker. */
const TRIES = 5;
const NOT_ASKED_FOR = /user configured subnets|user defined networks only/i;
const IN_USE = /: address already in use$/i;

export class ContainerAddresses {
  /** Of starts under way, whose containers are not listed yet. */
  readonly #pending = new Map<TaskId, string>();
  /** Networks, by id, whose addresses only the Engine gives out. */
  readonly #automatic = new Set<string>();

  constructor(private readonly client: EngineClient) {}

  /** Calls `start` with an address for its main network; again when that was taken, and at last with none. */
  async holding(launch: TaskLaunch, start: (address?: string) => Promise<void>): Promise<void> {
    const lost = new Set<string>();
    for (;;) {
      const network = lost.size < TRIES ? await this.#networkOf(launch) : null;
      const address = network ? await this.#choose(launch, network, lost) : undefined;
      if (!network || address === undefined) return start();
      try {
        return await start(address);
      } catch (error) {
        const words = error instanceof RuntimeError ? error.message : '';
        if (NOT_ASKED_FOR.test(words)) this.#automatic.add(network.Id);
        else if (IN_USE.test(words)) lost.add(address);
        else throw error;
      } finally {
        this.#pending.delete(launch.taskId);
      }
    }
  }

  /** Null where its address is nobody's business, or given out by somebody else: other drivers have hosts of their own to ask. */
  async #networkOf({ spec }: TaskLaunch): Promise<InspectedNetwork | null> {
    const [main] = spec.networkNames ?? [];
    if (spec.network !== 'container' || main === undefined) return null;
    const network = await this.client.network(main);
    const isOurs = network?.Driver === 'bridge' && network.IPAM?.Driver === 'default';
    return isOurs && !this.#automatic.has(network.Id) ? network : null;
  }

  async #choose(
    { taskId, instanceId, spec }: TaskLaunch,
    network: InspectedNetwork,
    lost: ReadonlySet<string>,
  ): Promise<string | undefined> {
    const [main = ''] = spec.networkNames ?? [];
    const block = network.IPAM?.Config?.find(({ Subnet }) => Subnet?.includes('.'));
    const range = block?.IPRange || block?.Subnet;
    if (!block || range === undefined) return undefined;
    // of all agents of this engine; newest first
    const containers = (await this.client.list([LABEL.agent])).flatMap(({ Labels, NetworkSettings }) => {
      const asked = NetworkSettings.Networks[main]?.IPAMConfig as { IPv4Address?: string } | undefined;
      return asked?.IPv4Address ? [{ instance: Labels[LABEL.instance], at: asked.IPv4Address }] : [];
    });
    const running = Object.values(network.Containers ?? {}).map(
      ({ IPv4Address }) => IPv4Address.split('/')[0] ?? '',
    );
    const reserved = [block.Gateway ?? '', ...Object.values(block.AuxiliaryAddresses ?? {})];
    const address = chooseAddress({
      range,
      taken: new Set<string>([...reserved, ...running, ...this.#pending.values(), ...lost]),
      held: new Set(containers.map(({ at }) => at)),
      own: containers.find(({ instance }) => instance === instanceId)?.at,
      seed: instanceId,
    });
    // at once, for another start may be choosing as well
    if (address !== undefined) this.#pending.set(taskId, address);
    return address;
  }
}

/** The draft with this address on the network it is created in. */
export function withAddress(draft: ContainerDraft, address: string | undefined): ContainerDraft {
  const main = draft.HostConfig.NetworkMode;
  if (address === undefined || main === undefined) return draft;
  const endpoints = draft.NetworkingConfig?.EndpointsConfig ?? {};
  const endpoint = { ...endpoints[main], IPAMConfig: { IPv4Address: address } };
  return { ...draft, NetworkingConfig: { EndpointsConfig: { ...endpoints, [main]: endpoint } } };
}
