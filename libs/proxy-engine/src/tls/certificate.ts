// One certificate with its chain and key from one PEM text: for which names it is, until when, and that the key belongs to it. What is
// wrong is said without a word of what is in the file.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { namesOfCertificate, type Certified } from '#libs/proxy-core';

export interface Certificate extends Certified {
  /** Where it came from, for people. */
  readonly source: string;
  readonly context: SecureContext;
  /** What it was made of: has the key, never to be shown. */
  readonly secret: SecureContextOptions;
}

/** Says what is wrong and what to do; never quotes the file. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** TLS 1.2 suites with forward secrecy and authenticated encryption (RFC 9325 4.2); those of 1.3 are all right as they are. */
export const CIPHERS = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':');
export const MIN_VERSION = 'TLSv1.2';

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^-]+-----END (?:[A-Z]+ )*PRIVATE KEY-----/;

/** Throws CertificateError. The first certificate is the server's own, the others its chain. */
export function readCertificate(source: string, pem: string): Certificate {
  const chain = pem.match(CERTIFICATES) ?? [];
  const leaf = chain[0];
  if (leaf === undefined)
    throw new CertificateError(
      `${source} has no certificate (-----BEGIN CERTIFICATE-----); put the chain into it, the server's own first`,
    );
  const own = parse(source, leaf);
  const key = readKey(source, pem);
  if (!own.checkPrivateKey(key))
    throw new CertificateError(
      `the key in ${source} does not belong to its first certificate; the server's own one must come first`,
    );
  const names = namesOfCertificate(own.subjectAltName, own.subject);
  if (names.length === 0)
    throw new CertificateError(
      `the certificate in ${source} names no host; it needs DNS or IP entries in subjectAltName`,
    );
  const secret: SecureContextOptions = {
    cert: chain.join('\n'),
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    minVersion: MIN_VERSION,
    ciphers: CIPHERS,
    honorCipherOrder: true,
  };
  return {
    source,
    names,
    notBefore: Date.parse(own.validFrom),
    notAfter: Date.parse(own.validTo),
    context: contextOf(source, secret),
    secret,
  };
}

function parse(source: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError(`the first certificate in ${source} is damaged`);
  }
}

function readKey(source: string, pem: string): KeyObject {
  const key = KEY.exec(pem)?.[0];
  if (key === undefined)
    throw new CertificateError(
      `${source} has no private key (-----BEGIN PRIVATE KEY-----); put it into the same file`,
    );
  if (/ENCRYPTED/.test(key))
    throw new CertificateError(
      `the private key in ${source} is encrypted; store it without a passphrase, readable by the proxy only`,
    );
  try {
    return createPrivateKey(key);
  } catch {
    throw new CertificateError(`the private key in ${source} is damaged, or of a kind that is not supported`);
  }
}

function contextOf(source: string, secret: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(secret);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new CertificateError(`the certificate or key in ${source} cannot be used for TLS${code}`);
  }
}
