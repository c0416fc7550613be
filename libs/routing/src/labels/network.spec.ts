import { describe, expect, it } from '@jest/globals';
import { isInside, parseAddress, parseNetwork } from './network.js';

const inside = (network: string, address: string): boolean | undefined => {
  const [parsed, bytes] = [parseNetwork(network), parseAddress(address)];
  return parsed && bytes && isInside(parsed, bytes);
};

describe('networks', () => {
  it('hold the addresses that agree in the bits of the prefix', () => {
    for (const [network, address] of [
      ['10.1.40.0/24', '10.1.40.255'],
      ['10.1.55.43', '10.1.55.43'],
      ['10.1.55.43/31', '10.1.55.42'],
      ['0.0.0.0/0', '255.255.255.255'],
      ['10.0.0.0/8', '::ffff:10.255.0.1'],
      ['::ffff:10.0.0.0/104', '10.255.0.1'],
      ['2001:db8::/33', '2001:DB8:7fff::1'],
      ['::1', '0:0:0:0:0:0:0:1'],
      ['fe80::/10', 'fe80::1%eth0'],
      ['::/0', '2001:db8::'],
    ] as const)
      expect([network, address, inside(network, address)]).toEqual([network, address, true]);
    for (const [network, address] of [
      ['10.1.40.0/24', '10.1.41.0'],
      ['10.1.55.43/31', '10.1.55.44'],
      ['0.0.0.0/0', '::1'],
      ['::/0', '10.0.0.1'],
      ['2001:db8::/33', '2001:db8:8000::1'],
    ] as const)
      expect([network, address, inside(network, address)]).toEqual([network, address, false]);
  });

  it('are nothing when they are written wrong', () => {
    for (const text of [
      '',
      '10.0.0',
      '10.0.0.256',
      '010.0.0.1',
      '10.0.0.1/33',
      '10.0.0.1/',
      '10.0.0.1/8/8',
      '10.0.0.1/-1',
      '1.2.3.4.5',
      '::1::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8',
      '::12345',
      '::/129',
      '::ffff:10.0.0.0/95',
      'example',
      '0x7f.1',
    ])
      expect([text, parseNetwork(text)]).toEqual([text, undefined]);
  });
});
