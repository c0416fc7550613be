// Whose numbers a container's `User` has. Names are those of its image, so its own /etc/passwd and /etc/group are asked, in the created
// container, before anything of it runs.
import { tarEntries, type Owner } from '#libs/artifact-fetch';
import type { EngineClient } from './engine-client.js';

/** More than this is no list of accounts. */
const FILE_BYTES_MAX = 1024 * 1024;

/** `user` as in `docker run --user`: name or number, and a group behind a colon. Null: not known in the image; its start will fail. */
export async function ownerIn(client: EngineClient, container: string, user: string): Promise<Owner | null> {
  const [name = '', group] = user.split(':');
  const account = rowOf(await accountsOf(client, container, '/etc/passwd'), name);
  const uid = /^\d+$/.test(name) ? Number(name) : Number(account?.[2] ?? NaN);
  const gid = group === undefined ? Number(account?.[3] ?? 0) : await groupId(client, container, group);
  return Number.isSafeInteger(uid) && Number.isSafeInteger(gid) ? { uid, gid } : null;
}

async function groupId(client: EngineClient, container: string, group: string): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  return Number(rowOf(await accountsOf(client, container, '/etc/group'), group)?.[2] ?? NaN);
}

/** By name, or by number. */
function rowOf(file: string, wanted: string): string[] | undefined {
  const rows = file.split('\n').map((line) => line.split(':'));
  return rows.find(([name]) => name === wanted) ?? rows.find((row) => row[2] === wanted);
}

async function accountsOf(client: EngineClient, container: string, path: string): Promise<string> {
  const archive = await client.archive(container, path);
  if (!archive) return '';
  try {
    for await (const { type, body } of tarEntries(archive)) {
      if (type !== 'file') continue;
      let text = '';
      for await (const chunk of body) {
        text += chunk.toString('utf8');
        if (text.length > FILE_BYTES_MAX) return '';
      }
      return text;
    }
  } finally {
    archive.destroy();
  }
  return '';
}
