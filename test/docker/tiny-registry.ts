// A registry on loopback (engines take it without TLS) with one image of one big layer, sent slowly: for pulls and their progress.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const CHUNKS = 40;
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export class TinyRegistry {
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifest: Buffer;
  readonly #server: Server;
  /** Set to make the next layers take about this long. */
  layerMs = 0;
  brokenOff = 0;

  constructor(layerBytes: number) {
    const layer = tarOf('noise', randomBytes(layerBytes));
    const config = Buffer.from(
      JSON.stringify({
        ...{ architecture: 'amd64', os: 'linux', config: { Cmd: ['/noise'] } },
        rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
      }),
    );
    this.#manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: MANIFEST },
        config: {
          mediaType: 'application/vnd.docker.container.image.v1+json',
          ...{ size: config.length, digest: digestOf(config) },
        },
        layers: [
          {
            mediaType: 'application/vnd.docker.image.rootfs.diff.tar',
            size: layer.length,
            digest: digestOf(layer),
          },
        ],
      }),
    );
    for (const blob of [layer, config]) this.#blobs.set(digestOf(blob), blob);
    this.#server = createServer((request, answer) => this.#serve(request.url ?? '', answer));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  image(name: string): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(url: string, answer: ServerResponse): void {
    if (url === '/v2/') return void answer.end('{}');
    if (url.startsWith('/v2/known/manifests/')) {
      const headers = { 'content-type': MANIFEST, 'docker-content-digest': digestOf(this.#manifest) };
      return void answer
        .writeHead(200, { ...headers, 'content-length': this.#manifest.length })
        .end(this.#manifest);
    }
    const blob = this.#blobs.get(url.split('/blobs/')[1] ?? '');
    if (blob) return this.#send(blob, answer);
    const errors = [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }];
    answer.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
  }

  #send(blob: Buffer, answer: ServerResponse): void {
    answer.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': blob.length });
    const size = Math.ceil(blob.length / CHUNKS);
    const delayMs = blob.length > 100_000 ? this.layerMs / CHUNKS : 0;
    let at = 0;
    const next = (): void => {
      if (answer.destroyed) return void (this.brokenOff += 1);
      answer.write(blob.subarray(at, (at += size)));
      if (at < blob.length) setTimeout(next, delayMs);
      else answer.end();
    };
    next();
  }
}

function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write('0000000\0'.repeat(2), 108);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc(((512 - (content.length % 512)) % 512) + 1024)]);
}
