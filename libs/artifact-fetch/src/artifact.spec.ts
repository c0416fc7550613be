import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { artifactOf, shownUri } from './artifact.js';

const of = (uri: string, more = {}) =>
  artifactOf({ uri, extract: true, executable: false, cache: false, ...more });

describe('what a fetch entry means', () => {
  it.each([
    ['http://h/a/b.tgz?x=1#y', 'b.tgz', { kind: 'tar', compression: 'gzip' }],
    ['https://h/x.TAR.XZ', 'x.TAR.XZ', { kind: 'tar', compression: 'xz' }],
    ['file:///srv/a%20b.zip', 'a b.zip', { kind: 'zip', compression: 'none' }],
    ['/srv/words.gz', 'words.gz', { kind: 'single', compression: 'gzip' }],
    ['http://h/app.jar', 'app.jar', undefined],
  ])('%s is stored as %s', (uri, target, archive) => {
    const artifact = of(uri);
    expect([artifact.target, artifact.archive]).toEqual([target, archive]);
  });

  it('unpacks nothing that is executable or not to be unpacked, and judges by the name it is stored under', () => {
    expect(of('/a.tgz', { executable: true }).archive).toBeUndefined();
    expect(of('/a.tgz', { extract: false }).archive).toBeUndefined();
    expect(of('http://h/download', { destPath: 'lib/x.tar' })).toMatchObject({
      target: 'lib/x.tar',
      archive: { kind: 'tar' },
    });
  });

  it.each([
    ['hdfs://u:sesame@h/x', "scheme 'hdfs'"],
    ['s3://bucket/x', "scheme 's3'"],
    ['ftp://h/x', "scheme 'ftp'"],
    ['relative/x', 'without a scheme'],
    ['http:// bad', "scheme 'http'"],
    ['file://elsewhere/x', 'another host'],
  ])('refuses %s, naming its scheme', (uri, words) => {
    expect(() => of(uri)).toThrow(expect.objectContaining({ kind: 'rejected', reason: 'invalid' }));
    expect(() => of(uri)).toThrow(words);
  });

  it.each(['../x', '/etc/x', 'a/../../x', '.', 'a/', 'stdout', './stderr', 'stdout.000000000000001', 'a\0b'])(
    'refuses the place %j',
    (destPath) => expect(() => of('http://h/x', { destPath })).toThrow(/destPath|output|stdout|stderr/),
  );

  it('refuses a uri that names no file', () => {
    expect(() => of('http://h/')).toThrow('destPath');
    expect(of('http://h/', { destPath: 'x' }).target).toBe('x');
  });

  it('never shows user, password or query, whatever they are', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9]{8,20}$/);
    fc.assert(
      fc.property(
        fc.constantFrom('http', 'https', 'hdfs', 's3', 'ftp'),
        word,
        word,
        word,
        (scheme, user, password, token) => {
          const uri = `${scheme}://${user}:${password}@host.example/path/x?token=${token}`;
          for (const secret of [user, password, token]) expect(shownUri(uri)).not.toContain(secret);
          expect(shownUri(uri)).toContain(scheme);
        },
      ),
    );
    expect(shownUri('http://user:pass word@ho st/x')).toBe('http:…');
  });
});
