/** Says what is wrong with a certificate and what to do; never quotes the file. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** Of an HTTPS port that would open without any. `problems`: of those that are there. */
export function noneUsable(paths: readonly string[], problems: readonly string[]): CertificateError {
  const why = problems.join('; ') || `no *.pem file in ${paths.join(', ')}`;
  return new CertificateError(`--proxy-certs names no certificate that can be used: ${why}`);
}
