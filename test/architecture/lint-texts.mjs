// Lints pieces of code as if they stood in the tree: reads [{file, code}] from standard input, prints the messages of each.
// A process of its own, because ESLint loads its configuration by means that a test runner's sandbox does not have.
import { ESLint } from 'eslint';

const cases = JSON.parse(await new Response(process.stdin).text());
const eslint = new ESLint({
  ignore: false,
  // rules that need type information cannot look at files that are not in the project
  overrideConfig: [
    {
      files: ['**/*.ts'],
      languageOptions: { parserOptions: { project: null } },
      rules: {
        '@typescript-eslint/no-floating-promises': 'off',
        '@typescript-eslint/no-misused-promises': 'off',
      },
    },
  ],
});
const results = [];
for (const { file, code } of cases) {
  const [result] =
    code === null ? await eslint.lintFiles([file]) : await eslint.lintText(code, { filePath: file });
  results.push(result.messages.map(({ ruleId, message }) => `${ruleId ?? 'parse'}: ${message}`));
}
process.stdout.write(JSON.stringify(results));
