// Figures about this process and the cluster, in Prometheus' text and as the JSON that Marathon's clients read (api.md 9).
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ControlCore } from '#libs/control-core';
import { isRunning } from '#libs/lifecycle';

export class Metrics {
  readonly #registry = new Registry();

  constructor(
    core: ControlCore,
    private readonly version: string,
    counts: {
      readonly streams: () => number;
      readonly heldBytes: () => number;
      readonly sessions: () => number;
    },
  ) {
    collectDefaultMetrics({ register: this.#registry, prefix: 'longrun_' });
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name: `longrun_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read());
        },
      });
    };
    const count = (read: (state: ControlCore['state']) => number) => () =>
      core.hasState ? read(core.state) : 0;
    gauge('leader', '1 while this process leads', () => (core.leads ? 1 : 0));
    gauge(
      'apps',
      'apps',
      count((state) => state.apps.size),
    );
    gauge(
      'agents',
      'agents known',
      count((state) => state.agents.size),
    );
    gauge(
      'deployments_running',
      'running deployments',
      count((state) => state.deployments.size),
    );
    gauge(
      'table_number',
      'number of the route table',
      count((state) => state.tableNumber),
    );
    gauge(
      'instances',
      'instances',
      count((state) => [...state.instances()].length),
    );
    gauge(
      'instances_running',
      'instances that run',
      count((state) => [...state.instances()].filter(isRunning).length),
    );
    gauge('alarms', 'alarms that are on', () => core.alarms.list().length);
    gauge('event_streams', 'open event streams', counts.streams);
    gauge('event_streams_held_bytes', 'bytes that wait for clients of event streams', counts.heldBytes);
    gauge('agent_sessions', 'connected agents', counts.sessions);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Dropwizard's five kinds, as Marathon's. */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const kinds: Record<'counters' | 'gauges', Record<string, object>> = { counters: {}, gauges: {} };
    for (const metric of await this.#registry.getMetricsAsJSON()) {
      const type = String(metric.type);
      if (type !== 'counter' && type !== 'gauge') continue;
      for (const { value, labels } of metric.values) {
        const name = [metric.name, ...Object.values(labels).map(String)].join('.');
        if (type === 'counter') kinds.counters[name] = { count: value };
        else kinds.gauges[name] = { value };
      }
    }
    return { version: this.version, ...kinds, histograms: {}, meters: {}, timers: {} };
  }
}
