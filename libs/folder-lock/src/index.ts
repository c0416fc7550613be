// Table of contents: one process per data folder.
export { lockFolder } from './folder-lock.js';
export type { FolderLock } from './folder-lock.js';
