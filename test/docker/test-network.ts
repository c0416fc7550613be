// Networks for the docker specs, as an operator makes them with `docker network create`: on a range that nothing else on this host
// uses, and gone after the suite.
import { randomUUID } from 'node:crypto';
import { afterAll } from '@jest/globals';
import Docker from 'dockerode';
import { freeRange, until } from '#libs/testkit';

export interface TestNetwork {
  readonly name: string;
  /** The first three numbers of its addresses, with the dot behind them. */
  readonly prefix: string;
}

/** Another process may take the same range a moment earlier: then the next free one is tried. */
export async function makeNetwork(socketPath: string): Promise<TestNetwork> {
  const docker = new Docker({ socketPath });
  const name = `longrun-spec-${randomUUID()}`;
  const made = await until('a network on a free range', async () => {
    const { gateway, subnet } = freeRange();
    await docker.createNetwork({ Name: name, IPAM: { Config: [{ Subnet: subnet, Gateway: gateway }] } });
    return { name, prefix: gateway.replace(/1$/, '') };
  });
  // called outside of the suites, so it comes after the clearing away of their containers
  afterAll(() => docker.getNetwork(name).remove(), 60_000);
  return made;
}
