// Which host names the certificates of a proxy are good for, as it tells the control plane, so that people are shown URLs with https only
// where a client accepts them.
import { HTTPS_NAMES_MAX, type ProxyListens } from '#libs/agent-protocol';

/** What of a certificate counts for that. */
export interface Certified {
  /** Lower case; `*.x` for all names one label below x. */
  readonly names: readonly string[];
  /** Epoch ms. */
  readonly notBefore: number;
  /** Epoch ms. */
  readonly notAfter: number;
}

type Told = Required<Pick<ProxyListens, 'httpsNames'>> & Pick<ProxyListens, 'httpsNamesCut'>;

/** Of a DNS name (RFC 1035 2.3.4) or an address; nothing else is a host. */
const NAME = /^[\w.:*-]{1,253}$/;

/** Keeps what it worked out: it is asked for each report, and there may be thousands of certificates. */
export class CertifiedNames {
  #certificates: readonly Certified[] | undefined;
  /** Epoch ms at which the next certificate begins or ceases to be valid. */
  #until = 0;
  #told: Told = { httpsNames: [] };

  /** `certificates`: the same list as long as they are the same. `now`: epoch ms. */
  told(certificates: readonly Certified[], now: number): Told {
    if (certificates !== this.#certificates || now >= this.#until) {
      this.#certificates = certificates;
      this.#until = nextChange(certificates, now);
      this.#told = toldOf(certificates, now);
    }
    return this.#told;
  }
}

function toldOf(certificates: readonly Certified[], now: number): Told {
  const valid = certificates.filter(({ notBefore, notAfter }) => notBefore <= now && now < notAfter);
  // wildcards first, for they name the most
  const all = [...new Set(valid.flatMap(({ names }) => names.filter((name) => NAME.test(name))))].sort();
  return {
    httpsNames: all.slice(0, HTTPS_NAMES_MAX),
    ...(all.length > HTTPS_NAMES_MAX ? { httpsNamesCut: true } : {}),
  };
}

function nextChange(certificates: readonly Certified[], now: number): number {
  let next = Infinity;
  for (const { notBefore, notAfter } of certificates)
    for (const at of [notBefore, notAfter]) if (at > now && at < next) next = at;
  return next;
}
