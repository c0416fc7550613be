// Some clients read lines of at most 64 KiB (clients.md). A plan in full is cut to fit where that is possible, from the dearest to what
// everybody reads: definitions first, then the trees before and after; never its steps. Clients that need the two trees still find them.
import type { Deployment, DeploymentStep } from '#libs/model';
import type { EventView } from './event-view.js';
import { planView, stepView } from './plan-view.js';

const LINE_BYTES_MAX = 64 * 1024;
/** For all members besides plan and step. */
const OTHER_BYTES = 1024;
/** More changed apps than fit with their definitions, so that these are not even made. */
const DEFINITIONS_MAX = 250;

type Plan = Readonly<Record<string, unknown>>;

/** The plan as an event with this step shows it. */
export function shownPlan(deployment: Deployment, step: DeploymentStep | undefined, view: EventView): Plan {
  const room = LINE_BYTES_MAX - OTHER_BYTES - (step ? bytesOf(stepView(step)) : 0);
  const { groupChanges: _groups, ...bare } = { ...deployment, changes: [] };
  const named: EventView = { ...view, showApp: ({ spec, version }) => ({ id: spec.id, version }) };
  const full = deployment.changes.length > DEFINITIONS_MAX ? null : planView(deployment, view);
  if (full && bytesOf(full) <= room) return full;
  const withIds = planView(deployment, named);
  return bytesOf(withIds) <= room ? withIds : planView(bare, view);
}

/** As JSON in UTF-8. */
function bytesOf(value: unknown): number {
  const text = JSON.stringify(value);
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) bytes += code > 0x7ff ? 2 : 1;
  }
  return bytes;
}
