// The schema of environment and secrets (app.md A1, A10), the same for apps and pods but for the names.
import { isObject, mapOf, object, reader, required, schemaOf, text, type Reader } from './reader.js';

const secretReference = object({ secret: required(text(), 'Name of a declared secret.') });
const readText = text();
export const environmentValue: Reader<string | { secret: string }> = reader(
  { anyOf: [schemaOf(readText), schemaOf(secretReference)] },
  (value, path, problems) =>
    isObject(value) ? secretReference(value, path, problems) : readText(value, path, problems),
);

export const secrets = mapOf(object({ source: required(text({ min: 1 }), 'Where its value is kept.') }));

export const podEnvironment = mapOf(environmentValue, { names: /^[a-zA-Z_][a-zA-Z0-9_]{0,253}$/ });
