// Which server a command acts on.
import { describe, expect, it } from '@jest/globals';
import { readConfiguration } from '#libs/configuration';
import { COMMON_OPTIONS, serverOf } from './command-table.js';

const server = (argv: readonly string[], env: Record<string, string> = {}): string =>
  serverOf(readConfiguration(COMMON_OPTIONS, { argv, env }));

describe('the server of a command', () => {
  it('is the one on this host, unless another one is named', () => {
    expect(server([])).toBe('http://127.0.0.1:8080');
    expect(server([], { LONGRUN_API_PORT: '18090' })).toBe('http://127.0.0.1:18090');
    expect(server([], { LONGRUN_URL: 'http://prod:8080' })).toBe('http://prod:8080');
    expect(server(['--url', 'http://prod:8080'])).toBe('http://prod:8080');
  });

  it('is what the flag says, whatever variables say', () => {
    expect(server(['--api-port', '18090'], { LONGRUN_URL: 'http://prod:8080' })).toBe(
      'http://127.0.0.1:18090',
    );
    expect(server(['--url', 'http://test:1'], { LONGRUN_API_PORT: '2', LONGRUN_URL: 'http://prod:3' })).toBe(
      'http://test:1',
    );
    expect(server(['--url', 'http://test:1', '--api-port', '5'])).toBe('http://test:1');
  });
});
