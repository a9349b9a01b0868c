export { createNode, type MillraceNode } from './create-node.js';
export {
  serveNode,
  startServer,
  type MillraceServer,
  type ServerAddresses,
  type StartServerOptions,
} from './start-server.js';
export { loadNodeConfig, type NodeConfig, type NodeConfigSources } from './settings/node-config.js';
export { nodeSettingTable } from './settings/node-settings.js';
export { serverLogger, type ServerLoggerOptions } from './logging/server-logger.js';
