// Held answers other than events: ended when this process no longer leads, so that their readers ask the new leader.
import type { ServerResponse } from 'node:http';

export class OpenStreams {
  readonly #open = new Set<ServerResponse>();

  add(response: ServerResponse): void {
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
  }

  endAll(): void {
    for (const response of this.#open) response.end();
  }
}
