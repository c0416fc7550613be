import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { timestampOf } from '#libs/model';
import { ManualClock } from '#libs/time';
import { EventHub } from './event-hub.js';

/** A client that takes its first event and nothing more. */
class DeafResponse extends EventEmitter {
  destroyed = false;
  readonly written: string[] = [];
  write(text: string): boolean {
    this.written.push(text);
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
  const attached = (allTypes = true): { hub: EventHub; client: DeafResponse } => {
    const hub = new EventHub(new ManualClock());
    const client = new DeafResponse();
    const options = { remoteAddress: '', types: [], lightPlans: false, allTypes };
    hub.attach(client as unknown as ServerResponse, options);
    return { hub, client };
  };

  it.each([
    ['Marathon: the type, the data, and nothing else', false, ''],
    ['ours: with its number as id', true, 'id: 7\n'],
  ])('a frame for clients of %s', (_, allTypes, id) => {
    const { hub, client } = attached(allTypes);
    hub.publish([event(7, 1)]);
    client.emit('drain');
    const data = JSON.stringify({ text: 'x', eventType: 'deployment_info', timestamp: timestampOf(0) });
    expect(client.written.at(-1)).toBe(`${id}event: deployment_info\ndata: ${data}\n\n`);
  });

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
