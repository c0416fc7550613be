// Files of apps as commands take them: JSON or YAML; an app, a list, a group; `-` is standard input.
import { createReadStream } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { parseAppFile, type RawApp } from '#libs/model';
import { CommandFailed } from './exit.js';

/** The API takes no larger body. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** App bodies of all files, with absolute ids; every problem names the file. */
export async function readAppFiles(paths: readonly string[]): Promise<readonly RawApp[]> {
  return (await Promise.all(paths.map(readAppFile))).flat();
}

async function readAppFile(path: string): Promise<readonly RawApp[]> {
  const content = parsed(path, await readText(path));
  if (content === null || content === undefined) throw new CommandFailed(`${path} holds nothing`, 2);
  const file = parseAppFile(content);
  if (file.kind === 'problems') {
    const lines = file.problems.map((problem) => `  ${problem.path}: ${problem.errors.join('; ')}`);
    throw new CommandFailed(`${path} cannot be deployed:\n${lines.join('\n')}`, 2);
  }
  return file.apps;
}

async function readText(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readBytes(path === '-' ? process.stdin : createReadStream(path), path);
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    throw new CommandFailed(`cannot read ${path}: ${wordsOf(error)}`, 2);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CommandFailed(`${path} is no text in UTF-8, so it is neither JSON nor YAML`, 2);
  }
}

async function readBytes(stream: AsyncIterable<unknown>, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > FILE_BYTES_MAX) {
      const most = FILE_BYTES_MAX / 1024 / 1024;
      throw new CommandFailed(`${path} is larger than ${most} MiB, the most that the API takes`, 2);
    }
  }
  return Buffer.concat(chunks);
}

/** YAML includes JSON, and its parser also finds members that are there twice; but it takes fifty times as long. */
const PATIENCE_CHARACTERS = 256 * 1024;

function parsed(path: string, text: string): unknown {
  try {
    if (text.length > PATIENCE_CHARACTERS) return JSON.parse(text);
  } catch {
    // YAML, or JSON with a mistake: its parser says where
  }
  try {
    const content: unknown = parseYaml(text);
    // an anchor within itself cannot be sent
    JSON.stringify(content);
    return content;
  } catch (error) {
    throw new CommandFailed(`${path} is neither JSON nor YAML: ${wordsOf(error)}`, 2);
  }
}

const wordsOf = (error: unknown): string => {
  const words = error instanceof Error ? error.message : String(error);
  return words.startsWith('Converting circular structure') ? 'an anchor (&) holds itself (*)' : words;
};
