// A route table in few words, on loopback.
import { asAppId, asInstanceId, asTaskId, timestampOf } from '#libs/model';
import type { RouteService, RouteTable, RouteTarget } from '#libs/routing';

export interface TargetAt {
  readonly task: string;
  readonly port: number;
}

export const aTarget = (task: string, port: number, more: Partial<RouteTarget> = {}): RouteTarget => ({
  taskId: asTaskId(task),
  instanceId: asInstanceId(`web.instance-${task}`),
  host: '127.0.0.1',
  port,
  suspect: false,
  ...more,
});

/** `/web`, by the host `web.example`. */
export function aService(targets: readonly TargetAt[], more: Partial<RouteService> = {}): RouteService {
  return {
    appId: asAppId('/web'),
    portIndex: 0,
    mode: 'auto',
    hosts: ['web.example'],
    sticky: false,
    redirectToHttps: false,
    // quotes, so that whoever writes it into something has to mind them
    emptyReason: targets.length > 0 ? '' : '2 instances are starting; "quoted"',
    targets: targets.map(({ task, port }) => aTarget(task, port)),
    ...more,
  };
}

export function aTable(number: number, ...services: RouteService[]): RouteTable {
  return { cluster: 'c', epoch: 1, number, madeAt: timestampOf(0), services };
}
