// `/v2/info` and `/v2/leader` (api.md 9): all of Marathon's keys and no others, for some clients read them into fixed lists.
// What has no meaning without Mesos and ZooKeeper is null; the three objects themselves are never null.

export interface InfoView {
  /** `major.minor.patch`, which tools compare. */
  readonly version: string;
  readonly clusterId: string;
  readonly elected: boolean;
  /** `host:port`; null while nobody leads. */
  readonly leader: string | null;
  readonly hostname: string;
  readonly apiPort: number;
  /** Null while no HTTPS port is open. */
  readonly httpsPort: number | null;
  readonly servicePorts: { readonly from: number; readonly to: number };
  /** Of web pages that may read (CORS). */
  readonly allowedOrigins: readonly string[];
  readonly features: readonly string[];
  /** How long a launch may stand still. */
  readonly launchLimitMs: number;
}

export type Info = Readonly<Record<string, unknown>>;

const ZOOKEEPER_KEYS = [
  'zk',
  'zk_compression',
  'zk_compression_threshold',
  'zk_connection_timeout',
  'zk_max_node_size',
  'zk_max_versions',
  'zk_session_timeout',
  'zk_timeout',
];

/** Keys of `marathon_config` without a meaning here. */
const UNUSED_KEYS = [
  'decline_offer_duration',
  'default_network_name',
  'env_vars_prefix',
  'executor',
  'failover_timeout',
  'launch_token',
  'launch_token_refresh_interval',
  'leader_proxy_connection_timeout_ms',
  'leader_proxy_read_timeout_ms',
  'master',
  'max_instances_per_offer',
  'mesos_bridge_name',
  'mesos_heartbeat_failure_threshold',
  'mesos_heartbeat_interval',
  'mesos_leader_ui_url',
  'mesos_user',
  'min_revive_offers_interval',
  'offer_matching_timeout',
  'on_elected_prepare_timeout',
  'reconciliation_initial_delay',
  'reconciliation_interval',
  'scale_apps_initial_delay',
  'scale_apps_interval',
  'store_cache',
  'task_lost_expunge_initial_delay',
  'task_lost_expunge_interval',
  'task_reservation_timeout',
  'webui_url',
];

const nulls = (keys: readonly string[]): Info => Object.fromEntries(keys.map((key) => [key, null]));

export function presentInfo(view: InfoView): Info {
  return {
    name: 'longrun',
    version: view.version,
    buildref: view.version,
    elected: view.elected,
    ...(view.leader === null ? {} : { leader: view.leader }),
    frameworkId: view.clusterId,
    marathon_config: {
      ...nulls(UNUSED_KEYS),
      access_control_allow_origin: view.allowedOrigins.length ? view.allowedOrigins : null,
      checkpoint: true,
      features: view.features,
      framework_name: 'longrun',
      ha: true,
      hostname: view.hostname,
      local_port_min: view.servicePorts.from,
      local_port_max: view.servicePorts.to,
      maintenance_mode: false,
      mesos_role: '*',
      new_group_enforce_role: 'off',
      task_launch_confirm_timeout: view.launchLimitMs,
      task_launch_timeout: view.launchLimitMs,
    },
    zookeeper_config: nulls(ZOOKEEPER_KEYS),
    http_config: { http_port: view.apiPort, https_port: view.httpsPort },
  };
}
