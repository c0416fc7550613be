import { describe, expect, it } from '@jest/globals';
import { anAppSpec, aPortDefinition } from '#libs/testkit';
import { unreadLabels } from './unread-labels.js';

const withLabels = (labels: Record<string, string>, ports = [aPortDefinition({ port: 10_001 })]): string[] =>
  unreadLabels(anAppSpec({ labels, portDefinitions: ports }));

describe('labels of marathon-lb that nobody reads', () => {
  it('are none of those that the proxy reads, nor those of others', () => {
    const labels = {
      HAPROXY_GROUP: 'external',
      HAPROXY_0_GROUP: 'external',
      HAPROXY_0_VHOST: 'shop.example',
      HAPROXY_0_PATH: '/api',
      HAPROXY_MODE: 'http',
      HAPROXY_0_STICKY: 'true',
      HAPROXY_0_REDIRECT_TO_HTTPS: 'true',
      VIP_0: '/web:80',
      team: 'HAPROXY_0_X',
    };
    expect(withLabels(labels)).toEqual([]);
    expect(withLabels({ HAPROXY_GROUP: 'external' }, [])).toEqual([]);
  });

  it('are named in one sentence, those of a port too', () => {
    const port = aPortDefinition({ port: 10_001, labels: { HAPROXY_0_USE_HSTS: 'true' } });
    const [text, ...more] = withLabels({ HAPROXY_0_BALANCE: 'leastconn', HAPROXY_DEPLOYMENT_GROUP: 'web' }, [
      port,
    ]);
    expect(text).toMatch(
      /^HAPROXY_0_BALANCE, HAPROXY_0_USE_HSTS, HAPROXY_DEPLOYMENT_GROUP: no effect at the/,
    );
    expect(more).toEqual([]);
  });

  it('may count a port that the app does not have, or that is not TCP', () => {
    expect(withLabels({ HAPROXY_0_VHOST: 'a.example', HAPROXY_1_VHOST: 'b.example' })).toEqual([
      expect.stringMatching(/^HAPROXY_1_VHOST: .*there is 1$/),
    ]);
    expect(withLabels({ HAPROXY_VHOST: 'a.example' }, [])).toEqual([
      expect.stringMatching(/^HAPROXY_VHOST: .*there are 0$/),
    ]);
    const udp = aPortDefinition({ port: 10_001, protocol: 'udp' });
    expect(withLabels({ HAPROXY_0_VHOST: 'a.example' }, [udp])).toHaveLength(1);
  });

  it('make a sentence that stays short', () => {
    const labels = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`HAPROXY_${n}_BALANCE`, 'x']));
    const [text] = withLabels(labels);
    expect(text).toContain(' and 4980 more: no effect');
  });
});
