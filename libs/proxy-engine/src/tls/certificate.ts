// A certificate as the HTTPS port serves it.
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { CertificateError, type CertificatePem } from '#libs/certificate-files';

export interface Certificate extends Pick<CertificatePem, 'source' | 'names' | 'notBefore' | 'notAfter'> {
  readonly context: SecureContext;
  /** What it was made of: has the key, never to be shown. */
  readonly secret: SecureContextOptions;
}

/** TLS 1.2 suites with forward secrecy and authenticated encryption (RFC 9325 4.2); those of 1.3 are all right as they are. */
export const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':');
export const MIN_VERSION = 'TLSv1.2';

/** Throws CertificateError where TLS does not take it. */
export function servable({ source, chain, key, names, notBefore, notAfter }: CertificatePem): Certificate {
  const secret: SecureContextOptions = {
    cert: chain.join('\n'),
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    minVersion: MIN_VERSION,
    ciphers: CIPHERS,
    honorCipherOrder: true,
  };
  return { source, names, notBefore, notAfter, context: contextOf(source, secret), secret };
}

function contextOf(source: string, secret: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(secret);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new CertificateError(`the certificate or key in ${source} cannot be used for TLS${code}`);
  }
}
