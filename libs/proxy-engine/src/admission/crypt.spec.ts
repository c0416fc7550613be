import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { verifyCrypt } from './crypt.js';

describe('hashes of passwords', () => {
  it.each([
    // the texts of the specification's test vectors; hashes by glibc's crypt and by openssl, which agree
    ['Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
    ['Hello world!', '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA'],
    [
      'Hello world!',
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    ],
    [
      'Hello world!',
      '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    ],
    [
      'a very much longer text to encrypt.  This one even stretches over morethan one line.',
      '$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
    ],
  ])('of the specification: %s', (password, stored) => {
    expect([stored, verifyCrypt(password, stored)]).toEqual([stored, true]);
    expect(verifyCrypt(`${password}x`, stored)).toBe(false);
  });

  it.each(['-1', '-apr1', '-5', '-6'])('of openssl passwd %s', (kind) => {
    for (const password of ['secret', 'p', 'with blanks: and ünicode', 'x'.repeat(100)])
      for (const salt of [
        's',
        'saltsalt',
        'saltsaltsaltsalt'.slice(0, kind.length === 2 && kind !== '-1' ? 16 : 8),
      ]) {
        const stored = execFileSync('openssl', ['passwd', kind, '-salt', salt, password]).toString().trim();
        expect([password, stored, verifyCrypt(password, stored)]).toEqual([password, stored, true]);
        expect(verifyCrypt(password.toUpperCase(), stored)).toBe(false);
      }
  });

  it('of unknown kinds, of too many rounds and for endless passwords are no match, at once', () => {
    const hash = 'svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1';
    for (const stored of [
      '',
      '$',
      '$2y$10$abc',
      'ab01FAX.bQRSU',
      `$6$rounds=999999999$x$${hash}`,
      '$6$',
      '$6$x$',
      '$1$x',
    ])
      expect(verifyCrypt('Hello world!', stored)).toBe(false);
    expect(verifyCrypt('x'.repeat(300), `$6$saltstring$${hash}`)).toBe(false);
  });
});
