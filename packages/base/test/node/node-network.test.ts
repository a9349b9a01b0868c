import { NodeNetwork } from '../../src/node/index.js';
import { networkConformance } from '@millrace/testkit';

networkConformance('Node', () => ({
  network: new NodeNetwork({ highWaterMarkBytes: 256 * 1024 }),
  host: '127.0.0.1',
  settle: (promise) => promise,
}));
