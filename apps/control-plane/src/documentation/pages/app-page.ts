// docs/reference/app-definition.md: every member, with type, range and default from the readers' own schema.
import { LIMITS } from '#libs/model';
import type { Schema } from '../endpoint.js';
import { BODY_SCHEMAS } from '../body-schemas.js';
import { APP_SECTIONS, type AppSection } from './app-sections.js';
import { anchor, code, fenced, json, page, table } from './markdown.js';
import { defaultWords, flatten, typeWords, type FlatMember } from './schema-words.js';

const EXAMPLE = {
  id: '/shop/web',
  cmd: 'exec python3 -m http.server $PORT0',
  instances: 3,
  cpus: 0.1,
  mem: 64,
  portDefinitions: [{ port: 0, name: 'http' }],
  healthChecks: [{ protocol: 'HTTP', path: '/', intervalSeconds: 5, gracePeriodSeconds: 30 }],
  upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 },
  labels: { HAPROXY_0_VHOST: 'shop.example' },
};

const INTRO = `# App definition

A definition says what should run; it is Marathon's, in JSON or YAML. A file may hold one app, a list of apps, or a group. Send it to the [API](api.md), or with
\`longrun deploy FILE\`.`;

const RULES = `- Members that are not known are ignored. \`null\` means "not given"; values in \`env\` and \`labels\` are texts, so write \`"8080"\`, and neither \`8080\` nor \`null\`.
- Words like \`docker\` are taken in any case and shown in the one below.
- What a GET shows can be sent back as it is: it is the definition with all its defaults. The members that only answers have (\`tasks\`, \`tasksRunning\` and the other counts,
  \`deployments\`, \`lastTaskFailure\`, \`readinessCheckResults\`, \`taskStats\`, \`versionInfo\`) are ignored, and so is \`version\`, except alone in a PUT, where it puts that version back.
- What this version does not have is refused by name, never accepted and ignored: pods, secrets, persistent and external volumes, GPUs.
- \`x[]\` is each item of the list \`x\`; \`x.*\` is each value of the map \`x\`. Times are in seconds, \`mem\`, \`disk\` and sizes in MiB.`;

/** In words what each of Longrun's own limits holds for. */
const LIMIT_WORDS: Readonly<Record<keyof typeof LIMITS, string>> = {
  instances: '`instances`',
  commandBytes: 'bytes of `cmd`, of all `args`, of the command of a `check`',
  envEntries: 'variables in `env`',
  envBytes: 'bytes of names and values in `env`',
  labels: 'labels',
  labelNameBytes: 'bytes of the names of labels',
  labelBytes: 'bytes of labels in all',
  ports: 'ports',
  healthChecks: '`healthChecks`',
  volumes: '`container.volumes`',
  parameters: '`container.docker.parameters`',
  constraints: '`constraints`',
  dependencies: '`dependencies`',
  networks: '`networks`',
  fetch: '`fetch`',
  roles: '`acceptedResourceRoles`',
  statusCodes: '`httpStatusCodesForReady`',
  userBytes: 'bytes of `user`',
  executorBytes: 'bytes of `executor`',
  patternCharacters: 'characters of a regular expression in `constraints`',
};

export function appPage(): string {
  const members = flatten(BODY_SCHEMAS['App'] ?? {});
  return page(
    INTRO,
    fenced(JSON.stringify(EXAMPLE, null, 2), 'json'),
    RULES,
    [...APP_SECTIONS.map(({ title }) => title), 'Limits']
      .map((title) => `[${title}](#${anchor(title)})`)
      .join(' · '),
    ...APP_SECTIONS.flatMap((each) => section(each, members)),
    '## Limits',
    'Of Longrun itself; far above what is usual, and low enough that no definition harms the server or cannot be started.',
    table(
      ['at most', 'of'],
      (Object.keys(LIMIT_WORDS) as (keyof typeof LIMITS)[]).map((name) => [
        String(LIMITS[name]),
        LIMIT_WORDS[name],
      ]),
    ),
  );
}

/** The longest path of a section that it is, or is below. */
const ownerOf = (path: string): string =>
  APP_SECTIONS.flatMap(({ members }) => members)
    .filter((each) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[]`))
    .reduce((best, each) => (each.length > best.length ? each : best), '');

export const withoutSection = (members: readonly FlatMember[]): readonly string[] =>
  members.map(({ path }) => path).filter((path) => ownerOf(path) === '');

function section(
  { title, about, members, namesOnly = false, after = '' }: AppSection,
  all: readonly FlatMember[],
): readonly string[] {
  const own = members.flatMap((name) =>
    all.filter(({ path }) => (namesOnly ? path === name : ownerOf(path) === name)),
  );
  return [
    `## ${title}`,
    about,
    table(
      ['member', 'type', 'default', 'meaning', 'example'],
      own.map(({ path, schema, isRequired }) => [
        code(path),
        typeWords(schema),
        defaultWords(schema, isRequired),
        meaningOf(schema),
        exampleOf(schema),
      ]),
    ),
    after,
  ];
}

const meaningOf = ({ description }: Schema): string => (typeof description === 'string' ? description : '');

function exampleOf({ examples }: Schema): string {
  return Array.isArray(examples) && examples.length ? json(examples[0]) : '';
}
