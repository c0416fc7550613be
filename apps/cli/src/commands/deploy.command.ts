// `longrun deploy FILE…`: makes the server run what the files say, in one deployment, and waits until it is healthy.
import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { parseAppFile, type RawApp } from '#libs/model';
import type { AppAnswer, DeploymentAnswer } from '#libs/api-client';
import { finishChange, forceQuery, waitUntilWhole } from '../change.js';
import { WAIT_OPTIONS, type Command, type CommandContext } from '../command.js';
import { CommandFailed } from '../exit.js';
import { healthWord, urlsOf } from '../output/app-lines.js';
import { proxyUrlOf } from '../proxy-url.js';

export const deployCommand: Command = {
  name: 'deploy',
  operands: 'FILE…',
  minOperands: 1,
  maxOperands: 100,
  summary:
    'create or update the apps of these files (JSON or YAML; an app, a list, a group) and wait until they are healthy',
  options: WAIT_OPTIONS,
  run: deploy,
};

async function deploy(context: CommandContext): Promise<number> {
  const { api, settings } = context;
  const files = (await Promise.all(settings.operands.map(readAppFile))).flat();
  const answer = await api.put<DeploymentAnswer>(
    `/v2/apps?partialUpdate=false&${forceQuery(context)}`,
    files.map(({ body }) => body),
  );
  return finishChange(context, answer, async () => {
    const ids = files.map(({ id }) => id);
    const apps = await waitUntilWhole(context, ids, answer.version);
    const proxyUrl = await proxyUrlOf(context);
    return { value: { apps }, text: apps.map((app) => describe(app, proxyUrl)).join('\n') };
  });
}

function describe(app: AppAnswer, proxyUrl: string): string {
  return [`${app.id}: ${healthWord(app)}`, ...urlsOf(app, proxyUrl).map((url) => `  ${url}`)].join('\n');
}

/** App bodies with absolute ids; every problem names the file. */
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
