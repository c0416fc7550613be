// Deploys the files given to `longrun up` with the client that everybody uses, and shows its progress.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Settings } from '#libs/configuration';

const CLIENT = fileURLToPath(new URL('../../cli/src/main.js', import.meta.url));

export async function deployFiles(
  settings: Settings,
  { url, proxyUrl }: { url: string; proxyUrl: string },
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  say(`deploying ${settings.operands.join(', ')} …`);
  const wait = settings.flag('no-wait') ? ['--no-wait'] : [];
  const args = ['deploy', ...settings.operands, '--url', url, '--proxy-url', proxyUrl, ...wait];
  const client = spawn(process.execPath, [CLIENT, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (): void => void client.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  const [code] = (await once(client, 'exit')) as [number | null];
  signal.removeEventListener('abort', stop);
  if (code !== 0 && !signal.aborted)
    say('The deployment did not succeed; Longrun keeps running, so that you can look: longrun status APP');
}
