// A connect that failed here, before anything left this host: no file descriptor, no port or no memory was to be had. It says nothing
// about the target, which must not be left out for it.

const SHORTAGES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);

export const isShortage = (error: Error | undefined): boolean =>
  error !== undefined && 'code' in error && SHORTAGES.has(String(error.code));
