// package-lock.json must be whole: `npm ci`, the first step of `npm start` and of CI, refuses one that leaves out a package for another platform.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Entry>;
};
const installed = Object.entries(packages).filter(([path]) => path !== '');

/** Where node finds it from there: nearest node_modules first. */
function isLocked(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, folder.lastIndexOf('/node_modules/'))) {
    if (packages[`${folder}/node_modules/${name}`] ?? packages[`node_modules/${name}`]) return true;
    if (!folder.includes('/node_modules/')) return false;
  }
}

describe('package-lock.json', () => {
  it('knows every optional package of every package, those for other platforms too', () => {
    const missing = installed.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !isLocked(path, name))
        .map((name) => `${name} (of ${path})`),
    );
    expect(missing).toEqual([]);
  });

  it('has version and checksum of each, and names no registry', () => {
    expect(
      installed
        .filter(([, entry]) => !entry.version || !entry.integrity || entry.resolved)
        .map(([path]) => path),
    ).toEqual([]);
  });

  it('asks for what package.json asks for', () => {
    const wanted = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
    const locked = packages[''] as Record<string, unknown>;
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'])
      expect(locked[kind]).toEqual(wanted[kind]);
  });
});
