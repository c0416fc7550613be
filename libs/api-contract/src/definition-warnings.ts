// What a definition asks for and does not get, in sentences for `/v3/apps/ID/warnings`: members that Marathon knows, that are kept and
// shown, and that have no effect here. Nothing is dropped silently.
import { runtimeOf, type AppSpec } from '#libs/model';

/** Empty for most apps. What has no effect on routing is told by libs/routing. */
export function definitionWarnings(spec: AppSpec): readonly string[] {
  const warnings: string[] = [];
  if (spec.executor !== undefined && spec.executor !== '') {
    warnings.push(
      "'executor' has no effect: there are no executors, the task is started by the agent itself",
    );
  }
  if (spec.executorResources) warnings.push("'executorResources' has no effect: there are no executors");
  if (spec.tty === true && runtimeOf(spec) === 'process') {
    warnings.push("'tty' has no effect without an image: a process gets no terminal");
  }
  if (spec.acceptedResourceRoles) {
    warnings.push("'acceptedResourceRoles' is kept as a label only: resources are not reserved by role");
  }
  if (runtimeOf(spec) === 'process' && spec.networks.some(({ mode }) => mode === 'container')) {
    warnings.push(
      'its tasks cannot start: a process has no network of its own. Give an image (container.docker.image) or use host networking',
    );
  }
  const strange = (spec.fetch ?? []).map(({ uri }) => schemeOf(uri)).filter((scheme) => !FETCHED.has(scheme));
  for (const scheme of new Set(strange)) {
    warnings.push(
      `its tasks cannot start: 'fetch' takes http, https, file and absolute paths of the agent, and no ${scheme === '' ? 'relative paths' : `'${scheme}'`}`,
    );
  }
  return warnings;
}

/** As libs/artifact-fetch takes them; a path has `/`. */
const FETCHED: ReadonlySet<string> = new Set(['http', 'https', 'file', '/']);

function schemeOf(uri: string): string {
  if (uri.startsWith('/')) return '/';
  return /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase() ?? '';
}
