// The facts of a request as the strict reader found them, for admission.
import type { RequestHead } from '#libs/http-wire';
import type { RequestFacts } from '../admission/request-facts.js';
import type { Origin } from '../fronts/origin.js';

export class HeadFacts implements RequestFacts {
  readonly method: string;
  readonly url: string;
  readonly host: string | undefined;
  readonly clientAddress: string;
  readonly secure: boolean;
  readonly servicePort?: number;
  readonly bodyBytes: number | undefined;
  readonly #head: RequestHead;

  constructor(head: RequestHead, origin: Origin) {
    this.#head = head;
    this.method = head.method;
    this.url = head.target;
    this.host = head.host;
    this.clientAddress = origin.clientAddress;
    this.secure = origin.secure;
    if (origin.servicePort !== undefined) this.servicePort = origin.servicePort;
    const { framing } = head;
    this.bodyBytes = framing.kind === 'length' ? framing.bytes : framing.kind === 'none' ? 0 : undefined;
  }

  header(name: string): string | undefined {
    const { lines } = this.#head;
    let found: string | undefined;
    for (let at = 0; at + 1 < lines.length; at += 2) {
      const each = lines[at] as string;
      if (each.length !== name.length || each.toLowerCase() !== name) continue;
      const value = lines[at + 1] as string;
      found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
    return found;
  }
}
