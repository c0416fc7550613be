// From anything to an app definition in canonical form, or to all problems of the first stage that has any (api.md 1.2):
// the schema; members of the old and the new style that exclude one another; then the rules, all of them together.
// What comes out is complete: defaults filled in, old style translated, relative ids made absolute, service ports still as given.
import type { AppSpec } from '../app-spec.js';
import type { AppId } from '../ids.js';
import { resolveId, ROOT_ID } from './app-id.js';
import { checkCommand, checkIds, checkNames, checkResourceLimits, checkStrategies } from './app-rules.js';
import { appSchema } from './app-schema.js';
import { canonicalApp } from './canonical-app.js';
import { checkHealthChecks, checkOtherChecks } from './check-rules.js';
import { constraintsOf } from './constraint-rules.js';
import { checkDownloads } from './fetch-rules.js';
import { checkLimits } from './limits.js';
import { checkLinuxInfo } from './linux-rules.js';
import { checkNetworks, modeOf, networksOf } from './network-rules.js';
import { checkOldAgainstNew } from './old-style-rules.js';
import { checkPorts, portsOfInput } from './port-rules.js';
import { Problems, type ProblemList } from './problems.js';
import { isObject } from './reader.js';
import { refuseUnsupported } from './unsupported.js';
import { checkVolumes } from './volume-rules.js';

export type ParsedApp = { readonly kind: 'ok'; readonly spec: AppSpec } | ProblemList;

export interface ParseContext {
  /** Where relative ids (of the app and of its dependencies) start: the enclosing group; the root if absent. */
  readonly base?: AppId;
  /** The id of the URL; one in the body is ignored then. */
  readonly id?: AppId;
  /** Of apps that name no role: that of the group above; `*` if absent (app.md A9). */
  readonly defaultRole?: string;
}

/** Reads an app definition (app.md part A). Never throws, whatever the input; `input` is not changed. */
export function parseApp(
  input: unknown,
  { base = ROOT_ID, id, defaultRole = '*' }: ParseContext = {},
): ParsedApp {
  const found = new Problems();
  const app = appSchema(id !== undefined && isObject(input) ? { ...input, id } : input, '', found);
  if (found.any || !app) return found.as('schema');
  checkOldAgainstNew(app, found);
  if (found.any) return found.as('rules');

  const networks = networksOf(app);
  const ports = portsOfInput(app, modeOf(networks));
  const appId = resolveId(app.id, base);
  const dependencies = [...new Set(app.dependencies.map((each) => resolveId(each, base)))];
  const constraints = constraintsOf(app.constraints, found);
  checkIds(appId, dependencies, found);
  checkCommand(app, found);
  checkNames(app, found);
  checkStrategies(app, found);
  checkNetworks(networks, ports, app.container, found);
  checkPorts(ports, found);
  checkHealthChecks(app, ports, found);
  checkOtherChecks(app, ports, found);
  checkDownloads(app, found);
  checkResourceLimits(app, found);
  checkVolumes(app, found);
  if (app.container?.type === 'MESOS' && app.container.linuxInfo) {
    checkLinuxInfo(app.container.linuxInfo, '/container/linuxInfo', found);
  }
  checkLimits(app, found);
  refuseUnsupported(app, networks, ports, found);
  if (found.any) return found.as('rules');
  return {
    kind: 'ok',
    spec: canonicalApp(app, { id: appId, dependencies, constraints, networks, ports, defaultRole }),
  };
}
