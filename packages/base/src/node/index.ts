export { afterMicrotasks } from './after-microtasks.js';
export { nodeEnvironment, type NodeEnvironmentOptions } from './node-environment.js';
export { NodeClock } from './node-clock.js';
export { NodeFileSystem } from './node-file-system.js';
export { NodeNetwork, type NodeNetworkOptions } from './node-network.js';
export { NodeRandom } from './node-random.js';
export { interceptUnhandledRejections } from './unhandled-rejections.js';
