// Files of apps as commands take them: JSON or YAML; an app, a list, a group; `-` is standard input.
import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { parseAppFile, type RawApp } from '#libs/model';
import { CommandFailed } from './exit.js';

/** App bodies of all files, with absolute ids; every problem names the file. */
export async function readAppFiles(paths: readonly string[]): Promise<readonly RawApp[]> {
  return (await Promise.all(paths.map(readAppFile))).flat();
}

async function readAppFile(path: string): Promise<readonly RawApp[]> {
  let text: string;
  try {
    text = path === '-' ? await readStandardInput() : await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandFailed(
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      2,
    );
  }
  let content: unknown;
  try {
    content = parseYaml(text); // JSON is YAML
  } catch (error) {
    throw new CommandFailed(
      `${path} is neither JSON nor YAML: ${error instanceof Error ? error.message : String(error)}`,
      2,
    );
  }
  const file = parseAppFile(content);
  if (file.kind === 'problems') {
    const lines = file.problems.map((problem) => `  ${problem.path}: ${problem.errors.join('; ')}`);
    throw new CommandFailed(`${path} cannot be deployed:\n${lines.join('\n')}`, 2);
  }
  return file.apps;
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
