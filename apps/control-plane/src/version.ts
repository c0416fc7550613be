// The version of this release, in the form that clients compare: major.minor.patch.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From the nearest package.json above, so that it is right in the sources and in the build. */
function versionAbove(folder: string): string {
  const file = join(folder, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  const parent = dirname(folder);
  return parent === folder ? '0.0.0' : versionAbove(parent);
}

export const VERSION = versionAbove(dirname(fileURLToPath(import.meta.url)));
