// `node scripts/reference.mjs`: writes docs/reference from the code: endpoints, schemas of the readers, events, errors.
// A spec beside the pages' source fails when a committed page differs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, ROOT } from './prepare.mjs';

await prepare();
const { REFERENCE_PAGES } = await import('../dist/apps/control-plane/src/documentation/pages/index.js');
const folder = join(ROOT, 'docs', 'reference');
mkdirSync(folder, { recursive: true });
for (const [name, make] of Object.entries(REFERENCE_PAGES)) {
  const text = make();
  writeFileSync(join(folder, name), text);
  process.stdout.write(`docs/reference/${name}: ${text.split('\n').length} lines\n`);
}
