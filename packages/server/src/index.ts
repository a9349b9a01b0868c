export { startServer, type MillraceServer, type ServerAddresses, type StartServerOptions } from './start-server.js';
