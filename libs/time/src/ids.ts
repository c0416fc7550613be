// The Ids seam: randomness as an input.
import { randomUUID } from 'node:crypto';

export interface Ids {
  /** A fresh RFC 4122 UUID, lower case. */
  uuid(): string;
}

export const randomIds: Ids = { uuid: () => randomUUID() };
