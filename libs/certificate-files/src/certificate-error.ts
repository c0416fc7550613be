/** Says what is wrong with a certificate and what to do; never quotes the file. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}
