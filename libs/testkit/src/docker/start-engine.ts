// A Docker Engine to try things with: `node dist/libs/testkit/src/docker/start-engine.js [IMAGE]`.
// Prints one line of JSON, `{"socketPath":…,"image":…,"contents":…}`, and keeps the engine until SIGINT or SIGTERM.
import { importBusyboxImage } from './busybox-image.js';
import { findOrStartDocker } from './find-engine.js';

async function main(): Promise<number> {
  const docker = await findOrStartDocker();
  if ('missing' in docker) {
    process.stderr.write(`no Docker Engine: ${docker.missing}\n`);
    return 1;
  }
  const ended = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
  const alive = setInterval(() => undefined, 60_000);
  try {
    const image = await importBusyboxImage(docker, process.argv[2]);
    process.stdout.write(`${JSON.stringify({ socketPath: docker.socketPath, ...image })}\n`);
    await ended;
  } finally {
    clearInterval(alive);
    await docker.stop();
  }
  return 0;
}

process.exitCode = await main();
