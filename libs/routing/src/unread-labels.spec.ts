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

  it('that are text for HAProxy are named with what to use instead, those of a port too', () => {
    const port = aPortDefinition({ port: 10_001, labels: { HAPROXY_0_HTTP_FRONTEND_ACL: '  acl x' } });
    const texts = withLabels(
      {
        HAPROXY_0_BACKEND_SERVER_OPTIONS: 'server x maxconn 5',
        HAPROXY_0_MAP_HTTPS_FRONTEND_ACL: 'x',
        HAPROXY_0_SSL_CERT: '/etc/ssl/x.pem',
        HAPROXY_HTTP_FRONTEND_HEAD: 'x',
      },
      [port],
    );
    const about = (label: string): string => texts.find((each) => each.includes(label)) ?? '';
    expect(about('HAPROXY_0_BACKEND_SERVER_OPTIONS')).toMatch(/use instead: longrun\.io\/max-connections/);
    expect(about('HAPROXY_0_MAP_HTTPS_FRONTEND_ACL')).toMatch(
      /^HAPROXY_0_HTTP_FRONTEND_ACL, .*longrun\.io\/host/,
    );
    expect(about('HAPROXY_0_SSL_CERT')).toMatch(/--proxy-certs/);
    expect(about('HAPROXY_HTTP_FRONTEND_HEAD')).toMatch(/options of the proxy itself/);
  });

  it('that nobody knows are named, Longrun`s own as well', () => {
    expect(
      withLabels({
        HAPROXY_0_HOST: 'x',
        HAPROXY_0_DEPLOYMENT_GROUP: 'x',
        'longrun.io/ratelimit': '5',
        'longrun.io/0/drain-seconds': '5',
        'longrun.io/drain-seconds': '5',
      }),
    ).toEqual([
      expect.stringMatching(/^HAPROXY_0_DEPLOYMENT_GROUP, HAPROXY_0_HOST: no effect, for neither/),
      expect.stringMatching(/^longrun\.io\/0\/drain-seconds, longrun\.io\/ratelimit: no effect, for Longrun/),
    ]);
  });

  it('may count a port that the app does not have, or that is not TCP', () => {
    expect(withLabels({ HAPROXY_0_VHOST: 'a.example', HAPROXY_1_VHOST: 'b.example' })).toEqual([
      expect.stringMatching(/^HAPROXY_1_VHOST: .*there is 1$/),
    ]);
    expect(withLabels({ HAPROXY_VHOST: 'a.example' }, [])).toEqual([
      expect.stringMatching(/^HAPROXY_VHOST: .*there are 0$/),
    ]);
    expect(withLabels({ 'longrun.io/3/allow': '10.0.0.1' })).toHaveLength(1);
    const udp = aPortDefinition({ port: 10_001, protocol: 'udp' });
    expect(withLabels({ HAPROXY_0_VHOST: 'a.example' }, [udp])).toHaveLength(1);
  });

  it('make a sentence that stays short', () => {
    const labels = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`HAPROXY_${n}_X`, 'x']));
    const [text] = withLabels(labels);
    expect(text).toContain(' and 4980 more: no effect');
  });
});
