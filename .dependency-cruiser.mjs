import { mayImport } from './tools/architecture.mjs';

/** Turns the import table into rules: a package reaches only what its row names, and only through public entries. */
const entryFile = (entry) => {
  const [folder, sub] = entry.split('/');
  return sub === undefined ? `^packages/${folder}/src/index\\.ts$` : `^packages/${folder}/src/${sub}/index\\.ts$`;
};

export default {
  forbidden: [
    ...Object.entries(mayImport).map(([folder, allowed]) => ({
      name: `imports-of-${folder}`,
      comment: `packages/${folder} may import ${allowed.join(', ') || 'nothing'}, through their entries`,
      severity: 'error',
      from: { path: `^packages/${folder}/src/` },
      to: { path: '^packages/[^/]+/src/', pathNot: [`^packages/${folder}/src/`, ...allowed.map(entryFile)] },
    })),
    {
      name: 'no-circular',
      comment: 'Data flows one way',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'outside-only-in-base-node',
      comment: 'Files, network, timers and processes are reached in base/node and in the shells of a process',
      severity: 'error',
      from: {
        path: '^packages/[^/]+/src/',
        pathNot: ['^packages/base/src/node/', '^packages/cli/src/', '^packages/server/src/(http|process)/'],
      },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|tls|dgram|dns|http|https|timers|os|perf_hooks|worker_threads|child_process|process)(/|$)',
      },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '^packages/testkit/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'resolvable', severity: 'error', from: { path: '^packages/' }, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/(dist|bundle)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
