// A client of Longrun's REST API for the CLI and the supervisor: fetch, typed answers of what they read, errors that tell what to do.

export interface ApiClientOptions {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** `user:password` for an API with `--auth`. */
  readonly credentials?: string;
  /** Per request. */
  readonly timeoutMs?: number;
}

/** The server answered, with a status of 400 or above. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
    readonly details: readonly { readonly path: string; readonly errors: readonly string[] }[] = [],
  ) {
    super(message);
  }
}

/** No answer: nothing listens there, or it did not answer in time. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable';
}

export interface DeploymentAnswer {
  readonly deploymentId: string;
  readonly version: string;
}

/** Of `POST /v3/apps/ID/rollback`. */
export interface RollbackAnswer extends DeploymentAnswer {
  readonly rollback: {
    readonly text: string;
    readonly toVersion: string;
    readonly takesBack?: string;
    readonly instancesKept: number;
  };
}

export class ApiClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;

  constructor({ url, credentials, timeoutMs = 30_000 }: ApiClientOptions) {
    this.#url = url.replace(/\/+$/, '');
    this.#timeoutMs = timeoutMs;
    this.#headers = { accept: 'application/json' };
    if (credentials !== undefined) {
      this.#headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
    }
  }

  get<T>(path: string): Promise<T> {
    return this.#send('GET', path) as Promise<T>;
  }
  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#send('POST', path, body) as Promise<T>;
  }
  put<T>(path: string, body: unknown): Promise<T> {
    return this.#send('PUT', path, body) as Promise<T>;
  }
  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#send('PATCH', path, body) as Promise<T>;
  }
  delete<T>(path: string): Promise<T> {
    return this.#send('DELETE', path) as Promise<T>;
  }

  /** The answer's body as it comes, for logs and events; ends when the signal fires. */
  async *stream(path: string, accept: string, signal?: AbortSignal): AsyncIterable<string> {
    const response = await this.#fetch('GET', path, { ...this.#headers, accept }, undefined, signal);
    if (!response.ok) throw await refusal(response);
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      yield decoder.decode(chunk as Uint8Array, { stream: true });
  }

  async #send(method: string, path: string, body?: unknown): Promise<unknown> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined ? this.#headers : { ...this.#headers, 'content-type': 'application/json' };
    const response = await this.#fetch(method, path, headers, payload, AbortSignal.timeout(this.#timeoutMs));
    if (!response.ok) throw await refusal(response);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  async #fetch(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    try {
      return await fetch(this.#url + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      throw new ApiUnreachable(`no answer from ${this.#url}: ${reasonOf(error)}`, { cause: error });
    }
  }
}

/** fetch hides the reason ("fetch failed") one level down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { message, details } = JSON.parse(text) as { message?: string; details?: unknown };
    const list = Array.isArray(details) ? (details as { path: string; errors: string[] }[]) : [];
    const more = typeof details === 'string' ? `: ${details}` : '';
    return new ApiError(response.status, `${message ?? text}${more}`, list);
  } catch {
    return new ApiError(response.status, text.slice(0, 500) || response.statusText);
  }
}
