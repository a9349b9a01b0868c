export { Broker, type BrokerIdentity, type BrokerOptions } from './broker.js';
export { defaultBrokerSettings, type BrokerSettings } from './broker-settings.js';
export type {
  BrokerHeartbeat,
  BrokerHeartbeatReply,
  BrokerRegistration,
  ControllerGateway,
  ProducerIdBlock,
} from './controller-gateway.js';
export { defaultGroupSettings, type GroupSettings } from './coordinator/group/group-settings.js';
export {
  defaultTransactionSettings,
  type TransactionSettings,
} from './coordinator/transaction/transaction-settings.js';
export { listenError } from './listen-error.js';
export { InternalListener, type InternalListenerOptions } from './internal-listener.js';
export { handlerOf, type AnyHandler, type Answer, type Handler, type Reply, type RequestContext } from './request.js';
export type { NodeReach } from '@millrace/client';
export { NodeChannels, type NodeChannelsOptions } from './node-channels.js';
export type { LeadershipState, ReplicaState } from './replica-state.js';
