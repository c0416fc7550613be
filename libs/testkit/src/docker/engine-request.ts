// One plain HTTP request to a Docker Engine over its unix socket: all that the test engine needs,
// so that importing the testkit does not load a whole client library.
import { request } from 'node:http';

export interface EngineAnswer {
  readonly status: number;
  readonly body: string;
}

export interface EngineRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: Buffer;
  readonly contentType?: string;
  readonly timeoutMs?: number;
}

/** Rejects when nothing listens there or nothing answered in time (30 s by default); a status of 400 and above is an answer. */
export function engineRequest(socketPath: string, wanted: EngineRequest): Promise<EngineAnswer> {
  const { method = 'GET', path, body, contentType = 'application/json', timeoutMs = 30_000 } = wanted;
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': contentType, 'content-length': body.length } : {};
    const call = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    });
    call.setTimeout(timeoutMs, () =>
      call.destroy(new Error(`no answer from ${socketPath} in ${timeoutMs} ms`)),
    );
    call.on('error', reject);
    call.end(body);
  });
}

/** Whether a Docker Engine answers on this socket. */
export async function engineAnswers(socketPath: string): Promise<boolean> {
  try {
    const answer = await engineRequest(socketPath, { path: '/_ping', timeoutMs: 3_000 });
    return answer.status === 200;
  } catch {
    return false; // no socket, nobody behind it, or not allowed: all the same to the caller
  }
}
