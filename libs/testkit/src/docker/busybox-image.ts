// Test images made from what is installed, without a registry: a static busybox with its applets, or else
// the node binary with the libraries it needs (then there is no shell in it).
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { engineRequest } from './engine-request.js';
import { tarArchive, type TarEntry } from './tar-archive.js';

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox', '/bin/busybox.static'];
const FOLDERS = ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'usr', 'usr/bin', 'var', 'var/www'];

export interface TestImage {
  readonly image: string;
  /** `busybox`: /bin/sh, httpd, sleep, nc, wget, env, cat, grep, … `node`: only /bin/node. */
  readonly contents: 'busybox' | 'node';
}

/** Imports the image under this name (`repository:tag`) with the Engine's import API; quick and idempotent. */
export async function importBusyboxImage(
  docker: { readonly socketPath: string },
  image = 'longrun/busybox:test',
): Promise<TestImage> {
  const busybox = BUSYBOX.find((path) => existsSync(path) && isStatic(path));
  const root = busybox ? busyboxRoot(busybox) : nodeRoot();
  const command = busybox ? ['/bin/sh'] : ['/bin/node'];
  const [, repository = image, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(image) ?? [];
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
  query.append('changes', `CMD ${JSON.stringify(command)}`);
  query.append('changes', 'ENV PATH=/bin:/usr/bin');
  const answer = await engineRequest(docker.socketPath, {
    method: 'POST',
    path: `/images/create?${query.toString()}`,
    body: tarArchive(root),
    contentType: 'application/x-tar',
    timeoutMs: 120_000,
  });
  if (answer.status !== 200 || answer.body.includes('"error"')) {
    throw new Error(`the engine did not import ${image}: ${answer.status} ${answer.body.slice(0, 500)}`);
  }
  return { image, contents: busybox ? 'busybox' : 'node' };
}

function isStatic(path: string): boolean {
  try {
    return !execFileSync('ldd', [path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).includes(
      '=>',
    );
  } catch {
    return true; // ldd fails with "not a dynamic executable"
  }
}

const folders = (): TarEntry[] => [
  ...FOLDERS.map((path): TarEntry => ({ kind: 'folder', path })),
  { kind: 'folder', path: 'tmp', mode: 0o1777 },
  { kind: 'file', path: 'etc/passwd', mode: 0o644, content: Buffer.from('root:x:0:0:root:/root:/bin/sh\n') },
  { kind: 'file', path: 'etc/group', mode: 0o644, content: Buffer.from('root:x:0:\n') },
];

function busyboxRoot(path: string): TarEntry[] {
  const applets = execFileSync(path, ['--list'], { encoding: 'utf8' }).split('\n');
  const links = applets.filter((applet) => applet && applet !== 'busybox');
  return [
    ...folders(),
    { kind: 'file', path: 'bin/busybox', content: readFileSync(realpathSync(path)) },
    ...links.map((applet): TarEntry => ({ kind: 'link', path: `bin/${applet}`, target: 'busybox' })),
  ];
}

function nodeRoot(): TarEntry[] {
  const listed = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  return [
    ...folders(),
    { kind: 'file', path: 'bin/node', content: readFileSync(process.execPath) },
    ...libraries.map((path): TarEntry => ({
      kind: 'file',
      path: path.slice(1),
      content: readFileSync(path),
    })),
  ];
}
