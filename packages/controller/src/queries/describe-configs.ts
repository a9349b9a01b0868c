import { noError, type DescribeConfigsRequest, type DescribeConfigsResponse } from '@millrace/protocol';
import { entryResult, topicNamed } from '../decisions/topic-changes.js';
import { effectiveTopicConfig, type NodeDefaults } from '../image/effective-topic-config.js';
import type { MetadataImage } from '../image/metadata-image.js';

export function describeConfigs(
  image: MetadataImage,
  request: DescribeConfigsRequest,
  nodeDefaults: NodeDefaults,
): DescribeConfigsResponse {
  return {
    resources: request.resources.map(({ type, name }) => {
      const { result, error } = entryResult(() => effectiveTopicConfig(topicNamed(image, name), nodeDefaults).entries);
      return error === undefined ? { type, name, ...noError, configs: result } : { type, name, ...error, configs: [] };
    }),
  };
}
