// Table of contents: what an app fetches before each start of a task.
export { ArtifactFetcher, CACHE_MIB_DEFAULT, FETCH_MIB_DEFAULT, own } from './artifact-fetcher.js';
export type { FetcherOptions, Owner, SandboxWish } from './artifact-fetcher.js';
export { shownUri } from './artifact.js';
export type { ArchiveEntry } from './archive-entry.js';
export { tarEntries } from './tar-entries.js';
