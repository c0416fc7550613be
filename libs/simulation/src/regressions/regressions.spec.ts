// Scenarios that broke a promise once, made small. Each file is one, named after what was wrong; `npm run simulate -- --scenario FILE`
// tells it as a story.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { runScenario } from '../run.js';
import type { Scenario } from '../scenario/scenario.js';

const FOLDER = new URL('.', import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

/** ms; a run takes less than a second where nothing else runs. */
const TEST_MS = 60_000;

describe('what broke once', () => {
  it.each(FILES)(
    'is kept: %s',
    async (name) => {
      const scenario = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Scenario;
      const { broken, counts } = await runScenario(scenario);
      expect(broken).toBeNull();
      expect(counts['launches']).toBeGreaterThan(0);
    },
    TEST_MS,
  );
});
