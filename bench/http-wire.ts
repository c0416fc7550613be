// What reading one head costs: the strict reader beside llhttp as node:http drives it (one callback per head). CPU time, interleaved
// rounds; the ratio is what to quote.
import { createChunkedScanner, readRequestHead, readResponseHead } from '#libs/http-wire';
import { HTTPParser, type NativeParser } from '../libs/http-wire/src/fixtures/llhttp.js';

const LIMITS = { headBytes: 32 * 1024, targetBytes: 8 * 1024, lines: 100 };
const ROUNDS = 15;
const TURNS = 40_000;

const REQUESTS = {
  'wrk, 1 line': 'GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:18080\r\n\r\n',
  'client, 8 lines':
    'GET /api/v1/items/42?expand=owner HTTP/1.1\r\nHost: shop.example.com\r\nConnection: keep-alive\r\n' +
    'Accept: application/json\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101\r\n' +
    'Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.5\r\n' +
    'Cookie: session=8c7a0f8f2b7e4d1bb6a5; theme=dark\r\nX-Request-Id: 0b5b8f6e-9d1c-4bb2-8c49\r\n\r\n',
  'browser, 15 lines':
    'POST /submit HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\nContent-Length: 16384\r\n' +
    'Pragma: no-cache\r\nCache-Control: no-cache\r\nsec-ch-ua: "Chromium";v="128", "Not;A=Brand";v="24"\r\n' +
    'sec-ch-ua-mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\nOrigin: https://www.example.com\r\n' +
    'Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n' +
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n' +
    'Referer: https://www.example.com/form\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n',
};
const RESPONSE =
  'HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: application/octet-stream\r\n' +
  'Content-Length: 200\r\nConnection: keep-alive\r\n\r\n';

/** Seen by the work under the clock, so that none of it can be left out. */
let seen = 0;

function native(type: number): NativeParser {
  const parser = new HTTPParser();
  parser.initialize(type, {}, LIMITS.headBytes, HTTPParser.kLenientNone);
  parser[HTTPParser.kOnHeadersComplete] = (_major: number, _minor: number, headers: string[]): number => {
    seen += headers.length;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (): void => undefined;
  parser[HTTPParser.kOnMessageComplete] = (): void => undefined;
  return parser;
}

function nsPer(turns: number, work: () => void): number {
  const from = process.cpuUsage();
  for (let i = 0; i < turns; i += 1) work();
  return (process.cpuUsage(from).user * 1000) / turns;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

function compare(what: string, ours: () => void, theirs: () => void, turns = TURNS): void {
  const rounds: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  nsPer(turns, ours);
  nsPer(turns, theirs);
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.ours.push(nsPer(turns, ours));
    rounds.theirs.push(nsPer(turns, theirs));
  }
  const [own, other] = [median(rounds.ours), median(rounds.theirs)];
  process.stdout.write(
    `| ${what} | ${own.toFixed(0)} (${Math.min(...rounds.ours).toFixed(0)}) | ${other.toFixed(0)} (${Math.min(...rounds.theirs).toFixed(0)}) | ${(own / other).toFixed(2)} |\n`,
  );
}

process.stdout.write(
  '| head | strict ns, median (min) | llhttp ns, median (min) | ratio |\n|---|---|---|---|\n',
);
for (const [what, text] of Object.entries(REQUESTS)) {
  const data = Buffer.from(text.replace('Content-Length: 16384', 'Content-Length: 0'), 'latin1');
  const parser = native(HTTPParser.REQUEST);
  compare(
    what,
    () => {
      const verdict = readRequestHead(data, 0, LIMITS);
      if (verdict.kind === 'head') seen += verdict.head.lines.length;
    },
    () => void parser.execute(data),
  );
}
const answer = Buffer.from(RESPONSE.replace('200\r\nConn', '0\r\nConn'), 'latin1');
const parser = native(HTTPParser.RESPONSE);
compare(
  'answer, 5 lines',
  () => {
    const verdict = readResponseHead(answer, 0, LIMITS, { method: 'GET' });
    if (verdict.kind === 'head') seen += verdict.head.lines.length;
  },
  () => void parser.execute(answer),
);
const chunks = Buffer.from(`${`400\r\n${'x'.repeat(1024)}\r\n`.repeat(16)}0\r\n\r\n`);
const chunkedHead = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
const chunkedParser = native(HTTPParser.REQUEST);
compare(
  '16 chunks of 1 KiB',
  () => {
    if (createChunkedScanner().scan(chunks, 0).kind === 'end') seen += 1;
  },
  () => {
    chunkedParser.execute(chunkedHead);
    chunkedParser.execute(chunks);
  },
);
if (seen === 0) process.exitCode = 1;
