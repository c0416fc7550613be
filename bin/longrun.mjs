#!/usr/bin/env node
// The command `longrun`: servers are programs of their own, every other verb belongs to the command line client.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SERVERS = { up: 'supervisor', 'control-plane': 'control-plane', agent: 'agent', proxy: 'proxy' };

const [verb] = process.argv.slice(2);
const app = SERVERS[verb] ?? 'cli';
const main = new URL(`../dist/apps/${app}/src/main.js`, import.meta.url);
if (!existsSync(main)) {
  process.stderr.write(
    `longrun is not built: run "npm start" once, or "npm run build", in ${fileURLToPath(new URL('..', import.meta.url))}\n`,
  );
  process.exit(2);
}
if (app !== 'cli') process.argv.splice(2, 1);
await import(main.href);
