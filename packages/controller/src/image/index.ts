export { applyMetadataRecord } from './apply-metadata-record.js';
export {
  effectiveTopicConfig,
  logConfigOf,
  type ConfigEntry,
  type EffectiveTopicConfig,
  type NodeDefaults,
  type TopicConfigValues,
} from './effective-topic-config.js';
export { internalTopicNames, isInternalTopic } from './internal-topics.js';
export { metadataDelta, type BrokerChange, type MetadataDelta, type TopicChange } from './metadata-delta.js';
export {
  MetadataImage,
  type BrokerImage,
  type BrokerState,
  type NodeRole,
  type PartitionImage,
  type TopicImage,
} from './metadata-image.js';
export {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type KnownMetadataRecord,
  type MetadataRecord,
} from './metadata-record.js';
export { isTopicSetting, topicSettings, type TopicSettingKey } from './topic-settings.js';
