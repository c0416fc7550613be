// The version of this installation, from the nearest package.json above us (source and build lie at different depths).
import { existsSync, readFileSync } from 'node:fs';

export function versionOf(from = new URL('.', import.meta.url)): string {
  for (let folder = from; ; folder = new URL('..', folder)) {
    const file = new URL('package.json', folder);
    if (existsSync(file))
      return String((JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown }).version ?? '0');
    if (folder.pathname === '/') return '0';
  }
}
