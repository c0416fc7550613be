// The pages of docs/reference by their file names. scripts/reference.mjs writes them, a spec holds the committed ones against these.
import { apiPage } from './api-page.js';
import { appPage } from './app-page.js';
import { errorsPage } from './errors-page.js';
import { eventsPage } from './events-page.js';

export const REFERENCE_PAGES: Readonly<Record<string, () => string>> = {
  'api.md': apiPage,
  'app-definition.md': appPage,
  'events.md': eventsPage,
  'errors.md': errorsPage,
};
