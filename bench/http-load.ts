// Clients that ask the same question again and again over connections of their own, and how long each answer took to its last byte.
import { Agent, request } from 'node:http';
import { once } from 'node:events';

export interface Question {
  readonly url: string;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
export interface Answer {
  readonly status: number;
  readonly bytes: number;
  readonly body: Buffer;
  readonly etag: string | undefined;
}

export async function ask(
  { url, method = 'GET', body, headers = {} }: Question,
  agent?: Agent,
): Promise<Answer> {
  const sent = request(url, { method, headers, ...(agent ? { agent } : {}) });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  return { status: answer.statusCode ?? 0, bytes: whole.length, body: whole, etag: answer.headers.etag };
}

/** Each client asks `rounds` times; `question(n)` is the n-th of all. Milliseconds of every answer, in no order. */
export async function load(
  clients: number,
  rounds: number,
  question: (number: number) => Question,
  wanted: readonly number[] = [200],
): Promise<number[]> {
  const ms: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let round = 0; round < rounds; round += 1) {
      const asked = question(next++);
      const startedAt = performance.now();
      const { status, body } = await ask(asked, agent);
      if (!wanted.includes(status))
        throw new Error(`${asked.url} answered ${status}: ${body.toString().slice(0, 200)}`);
      ms.push(performance.now() - startedAt);
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: clients }, client));
  return ms;
}
