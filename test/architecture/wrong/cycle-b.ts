import { a } from './cycle-a.js';
export const b = (): number => a() - 1;
