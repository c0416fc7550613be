// Where the core says what happened. A seam lib writes no log of its own; an app passes its logger in.

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
