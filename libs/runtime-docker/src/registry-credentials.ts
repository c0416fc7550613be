// Credentials for private registries from a Docker configuration file (`docker login` writes it). Only plain entries are read:
// credential helpers are programs of a person's desktop. The file is read at each pull, so a new login counts at once.
import { readFile } from 'node:fs/promises';

interface DockerConfiguration {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
}

const HUB = 'https://index.docker.io/v1/';

/** The registry of an image, as `docker login` names it. */
export function registryOf(image: string): string {
  const first = image.split('/')[0] ?? '';
  const isHost = image.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  return isHost ? first : HUB;
}

/** Undefined when there is no file or no entry: the pull is then anonymous. Never logged. */
export async function credentialsFor(image: string, file: string | undefined): Promise<object | undefined> {
  if (file === undefined) return undefined;
  const registry = registryOf(image);
  const entry = (await readConfiguration(file)).auths?.[registry];
  if (entry?.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: registry };
  if (!entry?.auth) return undefined;
  const [username, ...rest] = Buffer.from(entry.auth, 'base64').toString().split(':');
  return { username, password: rest.join(':'), serveraddress: registry };
}

async function readConfiguration(file: string): Promise<DockerConfiguration> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DockerConfiguration;
  } catch {
    return {}; // absent or unreadable is the same as not logged in; the registry's answer will say so
  }
}
