// What an answer costs, by counts: the same process serves requests meanwhile, and everybody may ask by UDP. Of an app with thousands of
// instances no more is made and measured than fits the answer.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import dns, { type Answer, type Packet, type RecordType } from 'dns-packet';
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RouteTarget } from '#libs/routing';
import { answerQuery, type AnswerOptions } from './answer-query.js';
import { ZoneNames } from './zone-names.js';

/** How many records were made and how many were written or measured, each as often as it was. */
interface Work {
  made: number;
  written: number;
}

/** An app of so many instances; each SRV record that is made reads the task's id once, for its name. */
function aZone(instances: number, work: Work): AnswerOptions {
  const targets = Array.from({ length: instances }, (_, at): RouteTarget => ({
    get taskId() {
      work.made += 1;
      return asTaskId(`t${at}`);
    },
    instanceId: asInstanceId(`i${at}`),
    host: `10.1.${at >> 8}.${at & 255}`,
    port: 31_000 + at,
    suspect: false,
  }));
  const service = {
    ...({ appId: asAppId('/many'), portIndex: 0, mode: 'auto', hosts: [], sticky: false } as const),
    ...{ redirectToHttps: false, targets, emptyReason: '' },
  };
  const table = { cluster: 'c', epoch: 1, number: 7, madeAt: timestampOf(0), services: [service] };
  const names = new ZoneNames(table, { zone: 'longrun', marathonZone: 'marathon.mesos' });
  return { names, ttl: 5, serial: 7, random: Math.random };
}

function aQuery(type: RecordType, udpPayloadSize?: number): Buffer {
  const option = { type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] };
  return dns.encode({
    ...{ type: 'query', id: 1, questions: [{ name: 'many.longrun', type }] },
    ...(udpPayloadSize === undefined ? {} : { additionals: [option as unknown as Answer] }),
  });
}

/** Every record that goes through the encoder counts, also one that is only measured. */
function watchEncoder(work: Work): void {
  const encode = dns.encode.bind(dns);
  const encodingLength = dns.encodingLength.bind(dns);
  const count = ({ answers = [], additionals = [], authorities = [] }: Packet): void => {
    work.written += answers.length + additionals.length + authorities.length;
  };
  jest.spyOn(dns, 'encode').mockImplementation((packet, ...rest) => (count(packet), encode(packet, ...rest)));
  jest.spyOn(dns, 'encodingLength').mockImplementation((packet) => (count(packet), encodingLength(packet)));
}

function workOf(
  instances: number,
  query: Buffer,
  transport: 'udp' | 'tcp',
): Work & { bytes: number; inside: number } {
  const work: Work = { made: 0, written: 0 };
  const zone = aZone(instances, work);
  watchEncoder(work);
  const answer = answerQuery(query, zone, transport);
  jest.restoreAllMocks();
  return {
    ...work,
    bytes: answer?.length ?? 0,
    inside: answer ? (dns.decode(answer).answers?.length ?? 0) : 0,
  };
}

afterEach(() => void jest.restoreAllMocks());

describe('an answer by UDP', () => {
  it.each([
    ['A', undefined, 512],
    ['A', 4096, 1232],
    ['SRV', undefined, 512],
    ['SRV', 4096, 1232],
  ] as const)(
    'of %s records (client takes %s) costs no more for 5,000 instances than for 100',
    (type, size, most) => {
      const query = aQuery(type, size);
      const [few, many, vast] = [100, 500, 5_000].map((instances) => workOf(instances, query, 'udp'));
      if (!few || !many || !vast) throw new Error('three were asked');
      expect(few.bytes).toBeLessThanOrEqual(most);
      expect(few.inside).toBeGreaterThan(3);
      // the longer names of more instances may leave room for one less
      for (const each of [many, vast]) expect(Math.abs(each.inside - few.inside)).toBeLessThanOrEqual(1);
      for (const each of [few, many, vast]) {
        // a record is at least its name, its head and an address
        expect(each.made).toBeLessThanOrEqual(Math.ceil(most / 28));
        // measured once up to the first that does not fit, and once for the buffer it is then written to; the rest is the option
        expect(each.written).toBeLessThanOrEqual(3 * each.inside + 6);
      }
    },
  );

  it('takes about as much time for 500 instances as for as many as fit', () => {
    const query = aQuery('SRV', 4096);
    const nothing: Work = { made: 0, written: 0 };
    const zones = [20, 500].map((instances) => aZone(instances, nothing));
    const spent = zones.map(() => 0);
    for (let turn = 0; turn < 60; turn += 1)
      for (const [at, zone] of zones.entries()) {
        const since = process.cpuUsage();
        for (let again = 0; again < 20; again += 1) answerQuery(query, zone, 'udp');
        const { user, system } = process.cpuUsage(since);
        // the first turns warm up
        if (turn >= 10) spent[at] = (spent[at] ?? 0) + user + system;
      }
    const [few = 0, many = 0] = spent;
    expect(many / few).toBeLessThan(5);
  });
});

describe('an answer by TCP', () => {
  it('measures and writes each record a fixed number of times, and makes no more than a message holds', () => {
    for (const type of ['A', 'SRV'] as const)
      for (const instances of [100, 1_000, 20_000]) {
        const { made, written, bytes, inside } = workOf(instances, aQuery(type), 'tcp');
        expect(bytes).toBeLessThanOrEqual(65_535);
        expect(made).toBeLessThanOrEqual(Math.min(instances, Math.ceil(65_535 / 28)));
        // SRV records have their addresses with them, where there is room
        expect([type, instances, written]).toEqual([type, instances, Math.min(written, 6 * inside + 6)]);
      }
  });
});
