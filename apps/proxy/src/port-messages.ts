// What workers and their primary say about ports, over the channel of node:cluster. A connection comes with its message, as a socket.

export interface OpenPort {
  readonly type: 'open-port';
  /** The worker's own number of it. */
  readonly listener: number;
  readonly host: string;
  readonly port: number;
  /** Connections that may wait for their accept. */
  readonly backlog?: number;
}

/** Of a worker. */
export type PortRequest =
  | OpenPort
  | { readonly type: 'close-port'; readonly listener: number }
  /** Of the connection that it was given last; false: nobody listens there any more, and not a byte of it was read. */
  | { readonly type: 'taken'; readonly taken: boolean };

/** Of the primary. */
export type PortAnswer =
  | { readonly type: 'port-opened'; readonly listener: number }
  | {
      readonly type: 'port-failed';
      readonly listener: number;
      readonly code?: string;
      readonly message: string;
    }
  | { readonly type: 'connection'; readonly listener: number };

const REQUESTS: ReadonlySet<string> = new Set<PortRequest['type']>(['open-port', 'close-port', 'taken']);
const ANSWERS: ReadonlySet<string> = new Set<PortAnswer['type']>([
  'port-opened',
  'port-failed',
  'connection',
]);

export const isPortRequest = (message: { readonly type: string }): message is PortRequest =>
  REQUESTS.has(message.type);
export const isPortAnswer = (message: { readonly type: string }): message is PortAnswer =>
  ANSWERS.has(message.type);
