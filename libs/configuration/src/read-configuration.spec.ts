import { describe, expect, it } from '@jest/globals';
import {
  BRAKE_OPTIONS,
  brakeArguments,
  brakeOf,
  ConfigurationError,
  minReadyMsOf,
  readConfiguration,
  ROLLOUT_OPTIONS,
  rolloutArguments,
  type Option,
} from '#libs/configuration';

const options: Option[] = [
  { name: 'api-port', kind: 'port', help: 'port of the API', default: '8080' },
  { name: 'task-ports', kind: 'port-range', help: 'host ports', default: '31000-32000' },
  { name: 'follow', kind: 'flag', short: 'f', help: 'keep reading' },
  { name: 'database-url', kind: 'text', env: 'DATABASE_URL', secret: true, help: 'Postgres' },
];
const read = (argv: string[], env: Record<string, string> = {}, yaml?: string) =>
  readConfiguration(options, { argv, env, ...(yaml === undefined ? {} : { yaml }) });

describe('configuration', () => {
  it('prefers flags to variables, variables to longrun.yaml, and that to defaults', () => {
    expect(read([]).port('api-port')).toBe(8080);
    expect(read([], {}, 'api-port: 1').port('api-port')).toBe(1);
    expect(read([], { LONGRUN_API_PORT: '2' }, 'api-port: 1').port('api-port')).toBe(2);
    expect(read(['--api-port', '3'], { LONGRUN_API_PORT: '2' }).port('api-port')).toBe(3);
    expect(read(['--api-port=4']).port('api-port')).toBe(4);
  });

  it('keeps operands and short flags apart', () => {
    const settings = read(['-f', 'app.json', '--', '--not-a-flag']);
    expect(settings.flag('follow')).toBe(true);
    expect(settings.operands).toEqual(['app.json', '--not-a-flag']);
  });

  it.each([
    [['--api-prot', '1'], {}, undefined, 'unknown option --api-prot; did you mean --api-port?'],
    [['-x'], {}, undefined, 'unknown option -x'],
    [['--api-port'], {}, undefined, '--api-port needs a value'],
    [['--api-port', '0'], {}, undefined, '--api-port must be a port number from 1 to 65535 (got "0")'],
    [
      [],
      { LONGRUN_TASK_PORTS: '9-5' },
      undefined,
      'LONGRUN_TASK_PORTS must be a range of ports from the lower to the higher one (got "9-5")',
    ],
    [
      [],
      { LONGRUN_TASK_PORTS: '9' },
      undefined,
      'LONGRUN_TASK_PORTS must be a range of ports like 31000-32000 (got "9")',
    ],
    [[], {}, 'api_port: 5', 'unknown option api_port in longrun.yaml; did you mean api-port?'],
    [[], {}, 'a: [', 'longrun.yaml is not valid YAML'],
    [[], {}, '- 1', 'longrun.yaml must hold a map of options'],
  ])('refuses %j %j %j', (argv, env, yaml, message) => {
    expect(() => read(argv, env, yaml)).toThrow(ConfigurationError);
    expect(() => read(argv, env, yaml)).toThrow(message);
  });

  it.each([
    [
      ['--brake-instances', '2.5'],
      {},
      '--brake-instances must be a whole number from 0 to 1000000 (got "2.5")',
    ],
    [['--brake-share', '0'], {}, '--brake-share must be a number from 0.01 to 1 (got "0")'],
    [[], { LONGRUN_BRAKE_SHARE: '50' }, 'LONGRUN_BRAKE_SHARE must be a number from 0.01 to 1 (got "50")'],
    [
      ['--brake-window-seconds', '0.5'],
      {},
      '--brake-window-seconds must be a number from 1 to 3600 (got "0.5")',
    ],
    [['--brake-window-seconds', 'x'], {}, '--brake-window-seconds must be a number from 1 to 3600 (got "x")'],
  ])('keeps the brake within its ranges: %j %j', (argv, env, message) => {
    expect(() => readConfiguration(BRAKE_OPTIONS, { argv, env })).toThrow(new ConfigurationError(message));
  });

  it('passes the brake on as it was given, by default as promised', () => {
    const given = (argv: string[], yaml?: string) =>
      readConfiguration(BRAKE_OPTIONS, { argv, env: {}, ...(yaml === undefined ? {} : { yaml }) });
    expect(brakeOf(given([]))).toEqual({ minimumInstances: 4, share: 0.5, windowMs: 60_000 });
    const off = given(['--brake-instances=0'], 'brake-window-seconds: 90\nbrake-share: 0.25');
    expect(brakeOf(off)).toEqual({ minimumInstances: 0, share: 0.25, windowMs: 90_000 });
    expect(brakeOf(given([...brakeArguments(off)]))).toEqual(brakeOf(off));
  });

  it('passes on how long new instances must serve, by default 10 s and at most a day', () => {
    const given = (argv: string[]) => readConfiguration(ROLLOUT_OPTIONS, { argv, env: {} });
    expect(minReadyMsOf(given([]))).toBe(10_000);
    const atOnce = given(['--min-ready-seconds', '0']);
    expect(minReadyMsOf(given([...rolloutArguments(atOnce)]))).toBe(0);
    expect(() => given(['--min-ready-seconds', '86401'])).toThrow(ConfigurationError);
  });

  it('warns of a secret given as a flag without repeating it', () => {
    const settings = read(['--database-url', 'postgres://me:hush@host/db']);
    expect(settings.warnings).toHaveLength(1);
    expect(settings.warnings.join()).not.toContain('hush');
    expect(read([], { DATABASE_URL: 'postgres://x' }).text('database-url')).toBe('postgres://x');
  });
});
