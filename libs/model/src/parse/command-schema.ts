// The schema of commands in checks and pods (app.md A7, B2): a text for the shell or a list of words.
import { isObject, list, object, reader, refuse, required, schemaOf, text, type Reader } from './reader.js';

const shell = object({
  shell: required(text({ min: 1, max: 65_536 }), 'Run by /bin/sh -c.', 'test -f ready'),
});
const argv = object({
  argv: required(list(text(), { min: 1 }), 'Run without a shell.', ['test', '-f', 'ready']),
});
export type CommandInput = { readonly shell: string } | { readonly argv: readonly string[] };

export const command: Reader<CommandInput> = reader(
  { anyOf: [schemaOf(shell), schemaOf(argv)] },
  (value, path, problems) => {
    if (!isObject(value)) return refuse(problems, path, 'error.expected.jsobject');
    const has = (name: string): boolean => Object.hasOwn(value, name) && (value[name] ?? null) !== null;
    if (has('shell') && has('argv')) return refuse(problems, path, "must not have both 'shell' and 'argv'");
    return has('argv') ? argv(value, path, problems) : shell(value, path, problems);
  },
);
