// The schema of downloads (app.md A1): `fetch` of apps, `artifacts` of pods.
import { filled, flag, object, optional, required, text, type ReadBy } from './reader.js';

export const fetchItem = object({
  uri: required(
    text({ min: 1, max: 1024 }),
    'Where it is downloaded from.',
    'https://example.com/site.tar.gz',
  ),
  extract: filled(flag, true, 'Unpack it if its ending says that it is an archive.'),
  executable: filled(flag, false, 'Make it executable.'),
  cache: filled(flag, false, 'Keep it on the agent for other tasks.'),
  destPath: optional(text({ min: 1, max: 1024 }), 'Its name in the sandbox.', 'site.tar.gz'),
});
export type FetchInput = ReadBy<typeof fetchItem>;
