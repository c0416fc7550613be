// Which requests may be sent a second time when nobody knows whether the first one had an effect.
import { METHODS } from 'node:http';

/** RFC 9110 9.2.2. */
const IDEMPOTENT = new Set(METHODS.filter((each) => !['POST', 'PATCH', 'CONNECT'].includes(each)));

/** `method`: as sent, for methods are case-sensitive. */
export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);
