// What a person sets for an app beside its definition: one write of the app's row, no new version, no deployment. A deployment that
// runs goes by it from then on.
import { failures } from '#libs/api-contract';
import { parseAppSettings, type App, type AppId, type AppSettings } from '#libs/model';
import type { Lane } from '../lane.js';
import { requireApp } from './app-targets.js';

export class AppSettingsCommands {
  constructor(private readonly lane: Lane) {}

  /** The whole of them: a member that the body lacks is not set any more. */
  put(id: AppId, body: unknown): Promise<AppSettings> {
    const parsed = parseAppSettings(body);
    if (parsed.kind === 'problems') {
      // wrong values of a known body: 422, as for any value that breaks a rule
      throw failures.invalidDefinition({ ...parsed, stage: 'rules' });
    }
    return this.#write(id, parsed.settings);
  }

  /** Back to the labels of the definition and the settings of the control plane. */
  async reset(id: AppId): Promise<void> {
    await this.#write(id, {});
  }

  #write(id: AppId, settings: AppSettings): Promise<AppSettings> {
    return this.lane.submit((workingSet) => {
      const { settings: _, ...app } = requireApp(workingSet, id);
      const isSet = Object.keys(settings).length > 0;
      const next: App = { ...app, ...(isSet ? { settings } : {}), revision: app.revision + 1 };
      return { writes: [{ kind: 'put-app', app: next }], value: settings };
    });
  }
}
