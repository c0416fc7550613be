import { describe, expect, it } from '@jest/globals';
import { CertifiedNames, type Certified } from './certified-names.js';

const certified = (names: readonly string[], notBefore = 0, notAfter = 1_000): Certified => ({
  ...{ names, notBefore, notAfter },
});
const told = (certificates: readonly Certified[], now = 1) => new CertifiedNames().told(certificates, now);

describe('what a proxy tells of its certificates', () => {
  it('is each name once, wildcards first, and nothing that is no host', () => {
    const certificates = [
      certified(['b.example', '*.example']),
      certified(['a.example', 'b.example', 'no host']),
    ];
    expect(told(certificates)).toEqual({ httpsNames: ['*.example', 'a.example', 'b.example'] });
    expect(told([])).toEqual({ httpsNames: [] });
  });

  it('is of certificates that are valid at that moment only, also when one begins or ends while they stay the same', () => {
    const certificates = [certified(['now.example'], 0, 20), certified(['later.example'], 10, 30)];
    const names = new CertifiedNames();
    const at = (now: number) => names.told(certificates, now).httpsNames;
    expect([at(9), at(10), at(19), at(20), at(29), at(30)]).toEqual([
      ...[['now.example'], ['later.example', 'now.example'], ['later.example', 'now.example']],
      ...[['later.example'], ['later.example'], []],
    ]);
    expect(names.told([certified(['new.example'])], 30).httpsNames).toEqual(['new.example']);
  });

  it('is at most 1,000 names, and that there are more', () => {
    const names = Array.from({ length: 1_000 }, (_, at) => `n${at}.example`);
    expect(told([certified(names)]).httpsNames).toHaveLength(1_000);
    expect(told([certified(names)])).not.toHaveProperty('httpsNamesCut');
    const more = told([certified([...names, '*.z.example'])]);
    expect(more).toMatchObject({ httpsNamesCut: true });
    expect(more.httpsNames.slice(0, 2)).toEqual(['*.z.example', 'n0.example']);
    expect(more.httpsNames).toHaveLength(1_000);
  });
});
