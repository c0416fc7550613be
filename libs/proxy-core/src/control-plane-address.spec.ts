// Whom a proxy asks: the configured control plane, hints, and when a hint is given up.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ControlPlaneAddress } from './control-plane-address.js';

let address: ControlPlaneAddress;
beforeEach(() => {
  address = new ControlPlaneAddress(['http://one/']);
});

describe('ControlPlaneAddress', () => {
  it('follows a hint to the leader, and goes back when that one fails twice', () => {
    expect(address.follow('http://two')).toBe(true);
    expect(address.current).toBe('http://two');
    address.failed();
    expect(address.current).toBe('http://two');
    address.failed();
    expect(address.current).toBe('http://one');
  });

  it('follows only so many hints in a row, for two that name each other would be asked without a pause', () => {
    const followed = Array.from({ length: 4 }, (_, turn) =>
      address.follow(`http://${turn % 2 ? 'one' : 'two'}`),
    );
    expect(followed).toEqual([true, true, true, false]);
    expect(address.current).toBe('http://one');
  });

  it('follows again once somebody answered who leads', () => {
    for (const name of ['two', 'one', 'two']) address.follow(`http://${name}`);
    address.answered();
    expect(address.follow('http://three')).toBe(true);
  });

  it('takes no hint that cannot be dialled, nor the place where it asks already', () => {
    expect(address.follow('two:8080')).toBe(false);
    expect(address.follow('http://one')).toBe(false);
  });

  describe('of several', () => {
    const fail = (): string => {
      address.failed();
      address.failed();
      return address.current;
    };
    beforeEach(() => {
      address = new ControlPlaneAddress(['http://one', 'http://two', 'http://three/']);
    });

    it('asks one after the other, for the first may be gone for good', () => {
      expect(address.current).toBe('http://one');
      expect([fail(), fail(), fail(), fail()]).toEqual([
        ...['http://two', 'http://three', 'http://one', 'http://two'],
      ]);
    });

    it('does not ask the leader again that was just given up, as long as there is another', () => {
      expect(address.follow('http://two')).toBe(true);
      expect([fail(), fail()]).toEqual(['http://three', 'http://one']);
    });
  });
});
