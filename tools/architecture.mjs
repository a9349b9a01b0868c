/**
 * Who may import whom, bottom-up: the table of docs/ARCHITECTURE.md as data. An entry is a package, or a package and one
 * of its entries. `tools/check-architecture.mjs` holds package.json files to it, dependency-cruiser the imports.
 */
export const mayImport = {
  base: [],
  record: ['base'],
  protocol: ['base', 'record'],
  storage: ['base', 'record'],
  raft: ['base'],
  'state-machine': ['base'],
  controller: ['base', 'record', 'protocol', 'raft', 'state-machine', 'storage'],
  client: ['base', 'base/node', 'record', 'protocol'],
  producer: ['base', 'base/node', 'record', 'protocol', 'client'],
  consumer: ['base', 'base/node', 'record', 'protocol', 'client'],
  admin: ['base', 'base/node', 'record', 'protocol', 'client'],
  broker: ['base', 'record', 'protocol', 'storage', 'state-machine', 'client', 'controller/image'],
  server: ['base', 'base/node', 'protocol', 'storage', 'controller', 'controller/image', 'broker'],
  cli: ['base', 'base/node', 'record', 'protocol', 'storage', 'client', 'producer', 'consumer', 'admin', 'server'],
  testkit: ['base', 'base/node'],
};

/** Published names that differ from `@millrace/<folder>`. */
export const packageName = (folder) => (folder === 'cli' ? 'millrace' : `@millrace/${folder}`);
