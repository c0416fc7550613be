// A service that can be a good or a bad release, as a file for node: what it does is in its environment, so that one file serves all.
//   RELEASE   told in every answer and in the header x-release
//   MODE      good | never-healthy | sours (healthy at first, then 500 for everything) | crashes | stubborn (never healthy, ignores SIGTERM)
//   BLIND     a file: while it exists, connections for /health break and all others serve (the checker is wrong)
//   SICK      a folder: while it holds a file with the name of its task, that one answers 500 to everything (some are really broken)
//   FLAPS     a file: while it exists, /health answers 500 for 3 s, then 200 for 3 s, and all others serve
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Mode = 'good' | 'never-healthy' | 'sours' | 'crashes' | 'stubborn';

/** After its start. */
export const SOURS_AFTER_MS = 4_000;
export const CRASHES_AFTER_MS = 5_000;
/** Well for so long, then ill for so long; all instances at the same time. */
export const FLAPS_EACH_MS = 3_000;

const SOURCE = `
const { existsSync } = require('node:fs');
const { createServer } = require('node:http');
const { RELEASE, MODE, BLIND, SICK, FLAPS, MESOS_TASK_ID, PORT0 } = process.env;
const startedAt = performance.now();
const isSick = () => SICK && existsSync(SICK + '/' + MESOS_TASK_ID);
const isDown = () => FLAPS && existsSync(FLAPS) && Math.floor(Date.now() / ${FLAPS_EACH_MS}) % 2 === 1;
const isSour = () => MODE === 'sours' && performance.now() - startedAt > ${SOURS_AFTER_MS};
if (MODE === 'stubborn') process.on('SIGTERM', () => undefined);
if (MODE === 'crashes') setTimeout(() => process.exit(3), ${CRASHES_AFTER_MS});
createServer((request, response) => {
  const isCheck = request.url === '/health';
  if (isCheck && BLIND && existsSync(BLIND)) return request.socket.destroy();
  const isBad =
    isSour() || isSick() || (isCheck && (MODE === 'never-healthy' || MODE === 'stubborn' || isDown()));
  response.statusCode = isBad ? 500 : 200;
  response.setHeader('x-release', RELEASE);
  response.end(RELEASE + ' ' + MESOS_TASK_ID);
}).listen(PORT0);
`;

/** Writes the service into the folder; answers the command that starts it. */
export function writeService(folder: string): string {
  const file = join(folder, 'service.cjs');
  writeFileSync(file, SOURCE);
  return `exec ${process.execPath} ${file}`;
}
