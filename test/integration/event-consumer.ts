// A client of the event stream as a careful person writes it: it keeps the id of the last whole frame, and whenever the stream ends,
// for whatever reason, it opens it again with that cursor.
import { request, type ClientRequest, type IncomingMessage } from 'node:http';

export interface Received {
  readonly number: number;
  readonly type: string;
}

export interface ConsumerOptions {
  readonly url: string;
  /** Path and query of the stream. */
  readonly path: string;
  /** How the cursor is sent. */
  readonly cursorIn: 'header' | 'query';
  /** Bytes after which it breaks the connection itself, asked for each connection. */
  readonly patience: () => number;
}

const PAUSE_MS = 50;

export class EventConsumer {
  readonly received: Received[] = [];
  connections = 0;
  /** What no stream may do; the test expects none. */
  readonly complaints: string[] = [];
  #sent: ClientRequest | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(private readonly options: ConsumerOptions) {
    this.#connect();
  }

  get cursor(): number {
    return this.received.at(-1)?.number ?? 0;
  }
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#sent?.destroy();
  }

  #connect(): void {
    const { url, path, cursorIn, patience } = this.options;
    const query = cursorIn === 'query' ? `${path.includes('?') ? '&' : '?'}lastEventId=${this.cursor}` : '';
    const headers = {
      accept: 'text/event-stream',
      ...(cursorIn === 'header' ? { 'last-event-id': String(this.cursor) } : {}),
    };
    const sent = request(url + path + query, { agent: false, headers });
    this.#sent = sent;
    sent.on('response', (answer) => this.#read(answer, patience()));
    sent.on('error', () => undefined); // `close` follows
    sent.on('close', () => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#connect(), PAUSE_MS);
    });
    sent.end();
  }

  #read(answer: IncomingMessage, patience: number): void {
    answer.on('error', () => undefined);
    if (answer.statusCode !== 200) {
      // while nobody leads; everything else is a fault
      if (answer.statusCode !== 502 && answer.statusCode !== 503)
        this.complaints.push(`answered ${answer.statusCode}`);
      answer.resume();
      return;
    }
    this.connections += 1;
    let text = '';
    let bytes = 0;
    let isFirst = true;
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      text += chunk;
      bytes += chunk.length;
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames.filter((each) => each !== ':')) {
        this.#accept(frame, isFirst);
        isFirst = false;
      }
      if (bytes > patience) answer.destroy();
    });
  }

  #accept(frame: string, isFirst: boolean): void {
    const read = /^event: (\S+)\ndata: ([^\n]+)(?:\nid: (\d+))?$/.exec(frame);
    const data = read?.[2] === undefined ? null : (JSON.parse(read[2]) as { eventType: string });
    if (!read || data?.eventType !== read[1]) this.complaints.push(`a frame that is none: ${frame}`);
    const isUnstored = data?.eventType.startsWith('event_stream_') ?? false;
    if (isUnstored === (read?.[3] !== undefined)) this.complaints.push(`a wrong id: ${frame}`);
    if (isFirst && !isUnstored && !this.options.path.includes('event_type')) {
      this.complaints.push(`not its own attachment first: ${frame}`);
    }
    if (read?.[3] !== undefined) this.received.push({ number: Number(read[3]), type: data?.eventType ?? '' });
  }
}
