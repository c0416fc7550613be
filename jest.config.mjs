// One runner, six projects: `unit` is pure and needs nothing; `simulation` runs seeds of libs/simulation from the built code;
// `integration`, `docker` and `e2e` use real parts
// (embedded Postgres, processes, a Docker Engine); `e2e-alone` is those of e2e that measure, or load the machine so much that others
// beside them would be slow. scripts/test.mjs runs them all.
const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
        target: 'es2022',
      },
      module: { type: 'es6' },
      sourceMaps: 'inline',
    },
  ],
};
const shared = {
  rootDir: '.',
  transform,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^#libs/(.*)$': '<rootDir>/libs/$1/src/index.ts',
    '^#migrations$': '<rootDir>/migrations/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
};
const project = (displayName, testMatch, more = {}) => ({ ...shared, displayName, testMatch, ...more });

export default {
  // ms, for a test that says nothing else: what hangs is ended, what computes on a machine that has more to do is not
  testTimeout: 30_000,
  projects: [
    project('unit', ['<rootDir>/{libs,apps,test/architecture}/**/*.spec.ts']),
    project('simulation', ['<rootDir>/test/simulation/**/*.sim-spec.ts']),
    project('integration', ['<rootDir>/test/integration/**/*.int-spec.ts']),
    project('docker', ['<rootDir>/test/docker/**/*.docker-spec.ts']),
    project('e2e', ['<rootDir>/test/e2e/**/*.e2e-spec.ts']),
    project('e2e-alone', ['<rootDir>/test/e2e/**/*.e2e-alone-spec.ts']),
  ],
};
