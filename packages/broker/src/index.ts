export { Broker, type BrokerOptions } from './broker.js';
export { defaultBrokerSettings, type BrokerSettings } from './broker-settings.js';
export type { ControllerGateway, ProducerIdBlock } from './controller-gateway.js';
