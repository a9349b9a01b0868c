import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import ts from 'typescript-eslint';

/**
 * Time, randomness, files and network enter through `Environment`, or the simulator could not run the cluster from a
 * seed. Everything else here is correctness, not taste; taste is Prettier's.
 */
const environmentOnly = {
  'no-restricted-globals': [
    'error',
    { name: 'Date', message: 'Use environment.clock.wallMs().' },
    { name: 'performance', message: 'Use environment.clock.monotonicMs().' },
    { name: 'process', message: 'Take what you need as configuration; only shells touch the process.' },
    { name: 'crypto', message: 'Use environment.random.' },
    { name: 'fetch', message: 'Use environment.network.' },
    ...['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'].map((name) => ({
      name,
      message: 'Use environment.clock.schedule().',
    })),
    ...['setImmediate', 'clearImmediate', 'queueMicrotask'].map((name) => ({
      name,
      message: 'Use environment.clock.nextTurn().',
    })),
  ],
  'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Use environment.random.' }],
  'no-restricted-imports': [
    'error',
    {
      paths: ['crypto', 'node:crypto'].map((name) => ({
        name,
        allowImportNames: ['hash', 'createHash'],
        message: 'Hashing only; randomness comes from environment.random.',
      })),
      patterns: [
        {
          regex:
            '^(node:)?(fs|net|tls|dgram|dns|http|https|timers|os|perf_hooks|worker_threads|child_process|process)(/|$)',
          message: 'Only packages/base/src/node reaches the outside; take it from Environment.',
        },
      ],
    },
  ],
};

export default defineConfig([
  globalIgnores([
    '**/dist/**',
    'packages/cli/bundle*/**',
    '**/node_modules/**',
    'data/**',
    'coverage/**',
    'bench/results/**',
  ]),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [ts.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'List exports one by one.' },
        { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' },
      ],
      'no-console': 'error',
      'max-params': ['error', 5],
      eqeqeq: 'error',
    },
  },
  { files: ['packages/*/src/**/*.ts'], rules: environmentOnly },
  {
    // The shells: the one folder that implements Environment over Node, and the composition points of a process.
    files: [
      'packages/base/src/node/**/*.ts',
      'packages/cli/src/**/*.ts',
      'packages/server/src/http/**/*.ts',
      'packages/server/src/process/**/*.ts',
    ],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-imports': 'off' },
  },
  {
    files: ['*.config.ts', 'tools/**', 'bench/**', '.dependency-cruiser.cjs'],
    rules: { 'no-restricted-syntax': 'off', 'no-console': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '*.js', 'packages/*/bin/*.js'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', module: 'writable', Buffer: 'readonly' },
    },
    rules: { 'no-restricted-syntax': 'off' },
  },
]);
