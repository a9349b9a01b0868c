export { Broker, type BrokerIdentity, type BrokerOptions } from './broker.js';
export { defaultBrokerSettings, type BrokerSettings } from './broker-settings.js';
export type { BrokerHeartbeat, BrokerRegistration, ControllerGateway, ProducerIdBlock } from './controller-gateway.js';
export { listenError } from './listen-error.js';
