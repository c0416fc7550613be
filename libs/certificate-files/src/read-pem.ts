// One certificate with its chain and key from one PEM text: that they can be read, that the key belongs to it, for which names it is. What
// is wrong is said without a word of what is in the file.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { CertificateError } from './certificate-error.js';

export interface CertificatePem {
  /** Where it came from, for people. */
  readonly source: string;
  /** PEM of each, the server's own first, then its chain. */
  readonly chain: readonly string[];
  /** Never to be shown. */
  readonly key: KeyObject;
  /** As it stands in the file; never to be shown. */
  readonly keyPem: string;
  /** Lower case, at least one; `*.x` for all names one label below x. */
  readonly names: readonly string[];
  /** Epoch ms. */
  readonly notBefore: number;
  /** Epoch ms. */
  readonly notAfter: number;
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Encrypted ones of the older kind have headers inside, with a `-`. */
const KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^]+?-----END (?:[A-Z]+ )*PRIVATE KEY-----/;

/** Throws CertificateError, which names `source`. */
export function readPem(source: string, pem: string): CertificatePem {
  const chain = pem.match(CERTIFICATES) ?? [];
  const [leaf, ...others] = chain;
  if (leaf === undefined)
    throw new CertificateError(
      `${source} has no certificate (-----BEGIN CERTIFICATE-----); put the chain into it, the server's own first`,
    );
  const own = parse(leaf, `the first certificate in ${source}`);
  others.forEach((each, at) => parse(each, `certificate ${at + 2} of the chain in ${source}`));
  const { key, keyPem } = readKey(source, pem);
  if (!own.checkPrivateKey(key))
    throw new CertificateError(
      `the key in ${source} does not belong to its first certificate; the server's own one must come first`,
    );
  const names = namesOfCertificate(own);
  if (names.length === 0)
    throw new CertificateError(
      `the certificate in ${source} names no host; it needs DNS or IP entries in subjectAltName`,
    );
  const [notBefore, notAfter] = [Date.parse(own.validFrom), Date.parse(own.validTo)];
  return { source, chain, key, keyPem, names, notBefore, notAfter };
}

function parse(pem: string, which: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError(`${which} is damaged`);
  }
}

function readKey(source: string, pem: string): Pick<CertificatePem, 'key' | 'keyPem'> {
  const keyPem = KEY.exec(pem)?.[0];
  if (keyPem === undefined)
    throw new CertificateError(
      `${source} has no private key (-----BEGIN PRIVATE KEY-----); put it into the same file`,
    );
  if (/ENCRYPTED/.test(keyPem))
    throw new CertificateError(
      `the private key in ${source} is encrypted; store it without a passphrase, readable by the proxy only`,
    );
  try {
    return { key: createPrivateKey(keyPem), keyPem };
  } catch {
    throw new CertificateError(`the private key in ${source} is damaged, or of a kind that is not supported`);
  }
}

/** The DNS and IP entries of subjectAltName; where there are none, the common name. */
export function namesOfCertificate({
  subjectAltName,
  subject,
}: Partial<Pick<X509Certificate, 'subjectAltName'>> & Pick<X509Certificate, 'subject'>): readonly string[] {
  const names = (subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []);
  const common = /(?:^|\n)CN=(.+)/.exec(subject)?.[1];
  const all = names.length > 0 || common === undefined ? names : [common];
  return all.map((name) => name.toLowerCase());
}
