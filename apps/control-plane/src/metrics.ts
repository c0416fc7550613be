// Figures about this process and the cluster, in Prometheus' text and as the JSON that Marathon's clients read (api.md 9).
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { appBrakes, HOST_BRAKE_ALARM, type ControlCore } from '#libs/control-core';
import type { App, AppId } from '#libs/model';
import { isRunning } from '#libs/lifecycle';

type State = ControlCore['state'];
type Watch = (name: string, help: string, read: () => number) => void;
/** 0 while this process has no state. */
type Counted = (read: (state: State) => number) => () => number;

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
    const gauge: Watch = (name, help, read) => {
      new Gauge({
        name: `longrun_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read());
        },
      });
    };
    const count: Counted = (read) => () => (core.hasState ? read(core.state) : 0);
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
    this.#watchBrakes(core, gauge, count);
    gauge('alarms', 'alarms that are on', () => core.alarms.list().length);
    gauge('event_streams', 'open event streams', counts.streams);
    gauge('event_streams_held_bytes', 'bytes that wait for clients of event streams', counts.heldBytes);
    gauge('agent_sessions', 'connected agents', counts.sessions);
  }

  #watchBrakes(core: ControlCore, gauge: Watch, count: Counted): void {
    gauge(
      'brake_fleet_on',
      '1 while so many instances of all apps turned unhealthy together that the health checks are suspected',
      count((state) => (state.fleetBrake.wave ? 1 : 0)),
    );
    gauge(
      'brake_apps',
      'apps whose mass-kill brake is on',
      count((state) => braked(state).length),
    );
    gauge(
      'brake_held_instances',
      'instances that failed their health checks and are not killed, for the brake is on',
      count((state) => braked(state).reduce((sum, { id }) => sum + heldOf(state, id), 0)),
    );
    gauge(
      'instances_healthy',
      'instances whose health checks pass',
      count((state) => state.fleetBrake.counts.healthy),
    );
    gauge(
      'instances_turned_unhealthy',
      'instances that were healthy and are not',
      count((state) => state.fleetBrake.counts.turnedUnhealthyAt.length),
    );
    gauge('brake_hosts_on', '1 while silent agents are not declared lost, for too many are silent', () =>
      core.alarms.list().some(({ kind }) => kind === HOST_BRAKE_ALARM) ? 1 : 0,
    );
    gauge(
      'agents_silent',
      'agents that are not lost and were not heard for 10 s',
      count((state) => core.agents.silent(state).length),
    );
    new Gauge({
      name: 'longrun_brake_on',
      help: '1 for each app whose mass-kill brake is on',
      labelNames: ['app'],
      registers: [this.#registry],
      collect() {
        this.reset();
        if (core.hasState) for (const { id } of braked(core.state)) this.set({ app: id }, 1);
      },
    });
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

const braked = (state: State): readonly App[] => [...state.apps.values()].filter(({ brake }) => brake);
const heldOf = (state: State, app: AppId): number =>
  appBrakes(state, app).reduce((sum, { holds }) => sum + holds.length, 0);
