/** Changes single settings of topics and leaves the others as they are. All changes of one topic go together. */
import {
  protocolError,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
} from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { isTopicSetting } from '../image/topic-settings.js';
import { settleTopic } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { checkedConfigs, duplicates, entryResult, refuseDuplicate, succeeded, topicNamed } from './topic-changes.js';

export interface AlterConfigsCommand {
  readonly kind: 'alter-configs';
  readonly request: IncrementalAlterConfigsRequest;
}

type ResourceChange = IncrementalAlterConfigsRequest['resources'][number];

export function alterConfigs(
  image: MetadataImage,
  { request }: AlterConfigsCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, IncrementalAlterConfigsResponse> {
  const draft = new DecisionDraft(image);
  const twice = duplicates(request.resources.map(({ name }) => name));
  const resources = request.resources.map((resource) => {
    const { type, name } = resource;
    const { error } = entryResult(() => {
      refuseDuplicate(twice, name);
      alterTopic(draft, resource, policy);
    });
    return { type, name, ...(error ?? succeeded) };
  });
  return { entries: request.validateOnly ? [] : draft.entries, reply: { resources } };
}

function alterTopic(draft: DecisionDraft, { name, changes }: ResourceChange, policy: ControllerPolicy): void {
  const topic = topicNamed(draft.image, name);
  const [twice] = duplicates(changes.map(({ key }) => key));
  if (twice !== undefined)
    throw protocolError('INVALID_REQUEST', `The request changes ${twice} of topic '${name}' more than once.`);
  const set = checkedConfigs(new Map(changes.flatMap(({ key, value }) => (value === null ? [] : [[key, value]]))));
  for (const change of changes) {
    // A key that nothing knows is a slip of the pen; one that another release stored may be taken away.
    if (change.value === null && !topic.configs.has(change.key)) checkKey(change.key);
  }
  const effective = changes
    .map((change) => ({ key: change.key, value: set.get(change.key) ?? null }))
    .filter((change) => (topic.configs.get(change.key) ?? null) !== change.value);
  if (effective.length === 0) return;
  draft.add({ type: 'topic-configs', version: 0, topicId: topic.topicId, changes: effective });
  settleTopic(draft, policy, topic.topicId);
}

function checkKey(key: string): void {
  if (!isTopicSetting(key)) throw protocolError('INVALID_CONFIG', `There is no topic setting '${key}'.`);
}
