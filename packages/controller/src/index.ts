export { Controller, type ControllerEnvironment, type ControllerOptions, type MetadataListener } from './controller.js';
export { controllerSettings, type ControllerSettingValues } from './controller-settings.js';
export type { AllocateProducerIdsRequest, ProducerIdBlock } from './decisions/allocate-producer-ids.js';
export type { BrokerHeartbeatReply, BrokerHeartbeatRequest } from './decisions/broker-heartbeat.js';
export type { RegisterBrokerReply, RegisterBrokerRequest } from './decisions/register-broker.js';
export type { MetadataPartitionLog } from './metadata-log.js';
export { metadataTopic } from './metadata-topic.js';
