// `npm start` in checkouts as people have them: an ordinary user's, and root's under a folder that nobody else may enter, where the
// account that PostgreSQL runs as cannot reach it by itself. Everything is installed and built already, so that no registry is needed.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '#libs/testkit';
import { processesOf } from './left-over.js';
import { LongrunUp } from './longrun-up.js';

/** What a checkout has, besides the packages. */
const TREE = [
  'apps',
  'libs',
  'migrations',
  'bench',
  'bin',
  'scripts',
  'examples',
  'dist',
  'package.json',
].concat(['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json']);
/** nobody: the only unprivileged user that is everywhere. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

interface Checkout {
  readonly who: string;
  readonly parent: string;
  /** Other than ours. */
  readonly uid?: number;
}
const CHECKOUTS: readonly Checkout[] = isRoot
  ? [
      { who: 'root, in a folder that only root may enter', parent: homedir() },
      { who: 'an ordinary user', parent: tmpdir(), uid: NOBODY },
    ]
  : [{ who: 'an ordinary user', parent: tmpdir() }];

/** Real copies, for links would lead out of the folder that only its owner may enter. Packages for development stay behind. */
function makeCheckout({ parent, uid }: Checkout): string {
  const folder = mkdtempSync(join(parent, 'long run-'));
  for (const name of TREE) cpSync(name, join(folder, name), { recursive: true });
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(packages)) {
    if (path === '' || dev || path.lastIndexOf('node_modules/') > 0 || !existsSync(path)) continue;
    cpSync(path, join(folder, path), { recursive: true, verbatimSymlinks: true });
  }
  cpSync('node_modules/.package-lock.json', join(folder, 'node_modules/.package-lock.json'));
  if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${uid}`, folder]);
  return folder;
}

function npmStart(folder: string, uid: number | undefined, options: object, ...files: string[]) {
  const as = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
  return LongrunUp.start({
    dataDir: join(folder, '.longrun'),
    command: [...as, 'npm', '--prefix', folder, 'start', '--', ...files],
    env: { HOME: folder, npm_config_cache: join(folder, '.npm'), npm_config_update_notifier: 'false' },
    ...options,
  });
}

async function answers(url: string): Promise<string> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}`);
  return response.text();
}

describe('npm start', () => {
  let up: LongrunUp | undefined;
  let folder: string | undefined;

  beforeAll(() => {
    const prepared = spawnSync(process.execPath, [
      '-e',
      "import('./scripts/prepare.mjs').then((m) => m.prepare())",
    ]);
    if (prepared.status !== 0) throw new Error(prepared.stderr.toString());
  }, 120_000);

  afterEach(async () => {
    await up?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
    up = folder = undefined;
  }, 60_000);

  it.each(CHECKOUTS)(
    'as $who: a URL that answers, nothing left after Ctrl-C, the app again without a deploy, nothing left when npm is ended',
    async (checkout) => {
      const here = (folder = makeCheckout(checkout));
      up = await npmStart(here, checkout.uid, {}, 'examples/hello.json');
      await up.ready();
      expect(up.output).not.toMatch(/installing|building/);
      const url = /http:\S+\/_app\/hello\//.exec(up.output)?.[0] ?? 'no URL was printed';
      expect(await answers(url)).toMatch(/^Hello from hello\./);
      const { version } = await up.app('/hello');

      process.kill(-(up.process.pid ?? 0), 'SIGINT'); // as a terminal does: the whole group
      await up.exited();
      expect(processesOf(here)).toEqual([]);

      up = await npmStart(here, checkout.uid, { ports: up.ports });
      await up.ready();
      await until('the app to answer again', () => answers(url));
      expect((await up.app('/hello')).version).toBe(version);
      expect(await up.api.get('/v2/deployments')).toEqual([]);

      up.process.kill('SIGTERM'); // npm ends at once and tells nobody
      await up.exited();
      await until('the rest to end too', () => processesOf(here).length === 0, { withinMs: 60_000 });

      if (isRoot && checkout.uid === undefined) return; // whom nothing is closed to
      chmodSync(join(up.dataDir, 'logs'), 0o500);
      up = await npmStart(here, checkout.uid, { ports: up.ports });
      expect([await up.exited(), up.output]).toEqual([
        2,
        expect.stringContaining('choose another with --data-dir'),
      ]);
    },
    180_000,
  );
});
