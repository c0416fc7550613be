// Everything that `/v3/events` tells from now on, kept for a test to look at.

export interface TailedEvent {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export class EventTail {
  readonly events: TailedEvent[] = [];
  readonly #aborter = new AbortController();

  private constructor(readonly url: string) {}

  /** Resolves once the stream is open. */
  static async open(url: string): Promise<EventTail> {
    const tail = new EventTail(url);
    const response = await fetch(`${url}/v3/events`, {
      headers: { Accept: 'text/event-stream' },
      signal: tail.#aborter.signal,
    });
    if (!response.ok || !response.body) throw new Error(`/v3/events answered ${response.status}`);
    void tail.#read(response.body);
    return tail;
  }

  close(): void {
    this.#aborter.abort();
  }

  ofType(type: string): readonly TailedEvent[] {
    return this.events.filter((each) => each.type === type);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true });
        const blocks = text.split(/\r?\n\r?\n/);
        text = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block);
      }
    } catch (error) {
      if (!this.#aborter.signal.aborted) throw error;
    }
  }

  #take(block: string): void {
    const lines = block.split(/\r?\n/);
    const of = (name: string): string =>
      lines
        .filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trim())
        .join('\n');
    const [type, data] = [of('event'), of('data')];
    if (type && data) this.events.push({ type, payload: JSON.parse(data) as TailedEvent['payload'] });
  }
}
