import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { selfSigned } from '#libs/testkit';
import { certificateFiles, readCertificateFile, stampOf } from './certificate-files.js';
import { CertificateError } from './certificate-error.js';
import { namesOfCertificate, readPem } from './read-pem.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;
const KEY = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/;
const DAMAGED = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('a certificate with its chain and key', () => {
  const a = selfSigned(['a.example', '*.a.example']);
  const b = selfSigned(['b.example']);
  const partOf = (pem: string, part: RegExp): string => part.exec(pem)?.[0] ?? '';

  it('is read in any order of its parts, the own one being the first of its certificates', () => {
    const parts = [partOf(a.pem, CERTIFICATE), partOf(b.pem, CERTIFICATE), partOf(a.pem, KEY)];
    const read = readPem('x', `words\n${parts[2]}\n${parts[0]}\n${parts[1]}\n`);
    expect(read).toMatchObject({ source: 'x', chain: parts.slice(0, 2), keyPem: parts[2] });
    expect(read.names).toEqual(['a.example', '*.a.example']);
    expect(read.notAfter).toBeGreaterThan(read.notBefore);
  });

  it.each([
    ['nothing', '', /^x has no certificate/],
    ['no key', partOf(a.pem, CERTIFICATE), /^x has no private key/],
    ['the key of another one', partOf(a.pem, CERTIFICATE) + partOf(b.pem, KEY), /does not belong/],
    ['a damaged one of its own', DAMAGED + a.pem, /^the first certificate in x is damaged/],
    ['a damaged one in its chain', a.pem + DAMAGED, /^certificate 2 of the chain in x is damaged/],
    [
      'an encrypted key of the older kind',
      `${partOf(a.pem, CERTIFICATE)}\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\nAAAA\n-----END RSA PRIVATE KEY-----`,
      /^the private key in x is encrypted/,
    ],
    [
      'an encrypted key',
      `${partOf(a.pem, CERTIFICATE)}\n-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----`,
      /^the private key in x is encrypted/,
    ],
  ])('is refused with %s, and the refusal tells nothing of it', (_what, pem, why) => {
    expect(() => readPem('x', pem)).toThrow(CertificateError);
    expect(() => readPem('x', pem)).toThrow(why);
    try {
      readPem('x', pem);
    } catch (error) {
      expect(String(error)).not.toMatch(/AAAA|MII/);
    }
  });

  it('is for the DNS and IP entries of subjectAltName in lower case, for the common name only without them', () => {
    const subject = 'O=Shop\nCN=Old.example';
    const subjectAltName = 'DNS:Shop.example, email:a@shop.example, DNS:*.shop.example, IP Address:192.0.2.1';
    expect(namesOfCertificate({ subjectAltName, subject })).toEqual([
      'shop.example',
      '*.shop.example',
      '192.0.2.1',
    ]);
    expect(namesOfCertificate({ subject })).toEqual(['old.example']);
    expect(namesOfCertificate({ subject: 'O=Shop' })).toEqual([]);
  });
});

describe('files of certificates', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'longrun-certs-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are each *.pem of a folder that is not hidden, in order of name, and each path once', () => {
    for (const name of ['b.pem', 'a.pem', '.c.pem', 'key.txt']) writeFileSync(at(name), '');
    const { files, unread } = certificateFiles([at('b.pem'), folder, at('none')]);
    expect(files).toEqual([at('b.pem'), at('a.pem')]);
    expect([...unread]).toEqual([[at('none'), `${at('none')} cannot be read: ENOENT`]]);
  });

  it('are never waited for, and are stamped anew when they are replaced', () => {
    const { pem } = selfSigned(['a.example']);
    execFileSync('mkfifo', [at('pipe')]);
    mkdirSync(at('folder'));
    writeFileSync(at('huge'), 'x'.repeat(1024 * 1024 + 1));
    for (const [name, why] of [
      ['pipe', /is no regular file$/],
      ['folder', /is no regular file$/],
      ['huge', /has 1048577 bytes/],
      ['none', /cannot be read: ENOENT$/],
    ] as const) {
      expect(() => readCertificateFile(at(name))).toThrow(CertificateError);
      expect(() => readCertificateFile(at(name))).toThrow(why);
    }
    writeFileSync(at('one'), pem);
    symlinkSync(at('one'), at('link'));
    expect(readCertificateFile(at('link')).names).toEqual(['a.example']);
    const before = stampOf(at('link'));
    rmSync(at('link'));
    symlinkSync(at('huge'), at('link'));
    expect(stampOf(at('link'))).not.toBe(before);
    expect(() => stampOf(at('none'))).toThrow(CertificateError);
    // one that may be read now has the same text and age
    const closed = stampOf(at('one'));
    chmodSync(at('one'), 0o640);
    expect(stampOf(at('one'))).not.toBe(closed);
  });
});
