// Which of marathon-lb's labels an app has in vain: the proxy does not read them, or they count a port that the app does not have.
import { portsOf, type AppSpec } from '#libs/model';
import { servesTcp } from './targets.js';

/** GROUP is read by nobody, and nothing is lost by that: there is one balancer. */
const READ: ReadonlySet<string> = new Set(['VHOST', 'PATH', 'MODE', 'STICKY', 'REDIRECT_TO_HTTPS', 'GROUP']);

const MOST_NAMES = 20;

/** At most two sentences, whatever the labels. */
export function unreadLabels(spec: AppSpec): string[] {
  const ports = portsOf(spec).filter(servesTcp);
  const indices = new Set(ports.map(({ index }) => String(index)));
  const unknown = new Set<string>();
  const portless = new Set<string>();
  for (const labels of [spec.labels, ...ports.map((port) => port.labels)]) {
    for (const name of Object.keys(labels)) {
      const [, index, what] = /^HAPROXY_(?:(\d+)_)?(.+)$/.exec(name) ?? [];
      if (what === undefined || what === 'GROUP') continue;
      if (!READ.has(what)) unknown.add(name);
      else if (index === undefined ? ports.length === 0 : !indices.has(index)) portless.add(name);
    }
  }
  return [
    ...(unknown.size > 0
      ? [
          `${list(unknown)}: no effect at the built-in proxy, which reads VHOST, PATH, MODE, STICKY and REDIRECT_TO_HTTPS; where that ` +
            'matters, keep your balancer in front',
        ]
      : []),
    ...(portless.size > 0
      ? [
          `${list(portless)}: no effect, for the app has no such TCP port; they count from 0, and there ${ports.length === 1 ? 'is' : 'are'} ${ports.length}`,
        ]
      : []),
  ];
}

function list(names: ReadonlySet<string>): string {
  const shown = [...names].sort().slice(0, MOST_NAMES);
  return shown.join(', ') + (names.size > shown.length ? ` and ${names.size - shown.length} more` : '');
}
