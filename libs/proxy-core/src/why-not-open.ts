// Why a port could not be opened, in the words of warnings, whatever the engine.

/** `error`: of `listen`. */
export function whyNotOpen(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'another process listens on it';
  if (code === 'EACCES') return 'this process may not open ports below 1024';
  if (code === 'EADDRNOTAVAIL') return 'this host has no such address';
  return error.message;
}

const OPTIONS = { main: '--proxy-port', HTTPS: '--proxy-https-port' } as const;

/** Of a port without which a proxy does not start. `why`: of `whyNotOpen`. */
export const cannotOpen = (what: keyof typeof OPTIONS, bind: string, port: number, why: string): string =>
  `the ${what} port ${port} cannot be opened on ${bind}: ${why}; choose another one by ${OPTIONS[what]}`;
