// Lint: typescript-eslint at its strictest with types, the directions of import-rules.json, and banned calls with their
// replacement. What prettier does is not repeated here.
import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';

const rules = JSON.parse(readFileSync(new URL('import-rules.json', import.meta.url), 'utf8'));

const noRandomness = 'Every run of a fold must give the same bytes: pass the value in.';

/** For each restricted package: one block that forbids it in src/ outside its folder. */
function packageBlocks() {
  return Object.entries(rules.packages).map(([name, folders]) => ({
    name: `package ${name}`,
    folders,
    pattern: {
      regex: `^${name.replace('/', '\\/')}(\\/|$)`,
      message: `${name} is imported in ${folders.join(' and ')} only; everyone else sees our port.`,
    },
  }));
}

/** The no-restricted-imports patterns that hold for files of one layer. */
function patternsOf(layer) {
  const forbidden = rules.layers.filter(
    ({ name }) =>
      name !== layer.name && !layer.mayImport.includes(name) && !layer.mayImport.includes('*'),
  );
  const folders = forbidden
    .flatMap(({ prefixes }) => prefixes)
    // A folder inside a permitted one (an adapter beside its port) is left to test/tidy.test.ts, which knows full paths.
    .filter((prefix) => prefix.split('/').length === 3 && prefix.endsWith('/'))
    .map((prefix) => prefix.split('/')[1])
    .filter((folder) => !layer.prefixes.some((prefix) => prefix.startsWith(`src/${folder}/`)));
  const direction = [...new Set(folders)].map((folder) => ({
    regex: `^\\.\\.?\\/(.*\\/)?${folder}\\/`,
    message: `src/${layer.name} may not import src/${folder}: imports point one way (import-rules.json).`,
  }));
  const packages = packageBlocks()
    .filter(({ folders: owners }) =>
      // A layer that holds the owner is checked by full path in test/tidy.test.ts.
      layer.prefixes.every(
        (prefix) => !owners.some((owner) => owner.startsWith(prefix) || prefix.startsWith(owner)),
      ),
    )
    .map(({ pattern }) => pattern);
  return [
    ...direction,
    ...packages,
    { regex: '^(\\.\\./){3,}', message: 'Three folders up is a layer too far: move the file.' },
  ];
}

const bannedCalls = [
  {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'Only parseConfig reads the environment; a root hands it in.',
  },
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  {
    selector: 'ExportAllDeclaration',
    message: 'No barrels: import from the file that declares it.',
  },
  {
    selector: "CallExpression[callee.object.name='process'][callee.property.name='exit']",
    message: 'Set process.exitCode, or let the root decide; exit() loses what is not yet written.',
  },
];

const purity = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: noRandomness },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: noRandomness },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: noRandomness,
  },
  { selector: "MemberExpression[object.name='performance']", message: noRandomness },
  { selector: "Identifier[name='process']", message: 'The core has no environment.' },
  { selector: "Identifier[name='crypto']", message: noRandomness },
  { selector: ':function[async=true]', message: 'The core does not wait: no async.' },
  { selector: 'AwaitExpression', message: 'The core does not wait: no await.' },
  { selector: "Identifier[name='setTimeout']", message: 'The core has no timers.' },
  { selector: "Identifier[name='Promise']", message: 'The core does not wait: no promises.' },
];

export default tseslint.config(
  { ignores: ['dist/', '.cache/', 'state/', 'coverage/', 'src/http/web/', 'bench/results/'] },
  // AssemblyScript, a language of its own: its compiler checks the types.
  { ignores: ['assembly/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-restricted-syntax': ['error', ...bannedCalls],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers print the same way everywhere, and offsets are in every message.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => void call()` states that the result does not matter.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // `private constructor` + static open() is how a resource that opens asynchronously is made.
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' },
      ],
      // Ports are objects of closures, taken apart freely; nothing here relies on `this`.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // What was caught is passed on as it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // An adapter fulfils an asynchronous port even where it has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // The interface says what may be missing at run time (records from outside); assertions stay on in production.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  ...rules.layers.map((layer) => ({
    name: `imports of ${layer.name}`,
    files: layer.prefixes.map((prefix) => (prefix.endsWith('.ts') ? prefix : `${prefix}**`)),
    rules: { 'no-restricted-imports': ['error', { patterns: patternsOf(layer) }] },
  })),
  {
    name: 'the pure core',
    files: ['src/sensors/**'],
    rules: {
      'no-restricted-syntax': ['error', ...bannedCalls, ...purity],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^node:', message: 'The core has no I/O.' },
            { regex: '^[^.]', message: 'The core imports no package.' },
            {
              regex: '^\\.\\./(?!errors\\.ts$)',
              message: 'The core imports src/errors.ts and itself.',
            },
          ],
        },
      ],
    },
  },
  {
    name: 'roots',
    files: ['src/main.ts', 'src/cli/**', 'src/actors/worker.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-syntax': [
        'error',
        ...bannedCalls.filter(({ message }) => !/environment|exit\(\)/.test(message)),
      ],
    },
  },
  {
    name: 'tests',
    files: ['test/**', 'property-tests/**', 'bench/**', 'scripts/**', '*.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-syntax': [
        'error',
        ...bannedCalls.filter(({ message }) => !/environment|exit\(\)|by name/.test(message)),
        {
          selector: "CallExpression[callee.property.name='only']",
          message: 'No .only: it hides every other test.',
        },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  { files: ['**/*.{js,mjs}'], extends: [tseslint.configs.disableTypeChecked] },
);
