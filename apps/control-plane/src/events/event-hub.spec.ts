import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { timestampOf } from '#libs/model';
import { ManualClock } from '#libs/time';
import { EventHub } from './event-hub.js';

/** A client that takes its first event and nothing more. */
class DeafResponse extends EventEmitter {
  destroyed = false;
  write(): boolean {
    return false;
  }
  end(): void {}
  destroy(): void {
    this.destroyed = true;
  }
}

const event = (number: number, length: number) => ({
  number,
  type: 'deployment_info' as const,
  timestamp: timestampOf(0),
  payload: { text: 'x'.repeat(length) },
});

describe('EventHub', () => {
  const attached = (): { hub: EventHub; client: DeafResponse } => {
    const hub = new EventHub(new ManualClock());
    const client = new DeafResponse();
    const options = { remoteAddress: '', types: [], lightPlans: false, allTypes: true };
    hub.attach(client as unknown as ServerResponse, options);
    return { hub, client };
  };

  it('closes a stream that does not read after 8 MiB of large events', () => {
    const { hub, client } = attached();
    for (let number = 1; number <= 8; number += 1) hub.publish([event(number, 1_000_000)]);
    expect(client.destroyed).toBe(false);
    hub.publish([event(9, 1_000_000)]);
    expect(client.destroyed).toBe(true);
  });

  it('closes it after 1024 small ones', () => {
    const { hub, client } = attached();
    for (let number = 1; number <= 1024; number += 1) hub.publish([event(number, 1)]);
    expect(client.destroyed).toBe(false);
    hub.publish([event(1025, 1)]);
    expect(client.destroyed).toBe(true);
  });
});
