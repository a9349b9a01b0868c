import { MillraceError } from '@millrace/base';
import type {
  AdminOptions,
  CallOptions,
  ConfigChanges,
  DeletedRecords,
  ListedOffset,
  NewTopic,
  OffsetQuery,
} from './admin-options.js';
import type { ClusterDescription, CreatedTopic, TopicDescription, TopicSummary } from './topic-description.js';

const soon = (what: string): MillraceError => new MillraceError('UNSUPPORTED_FEATURE', what);

export class Admin {
  constructor(_options: AdminOptions) {}

  /** With `validateOnly` nothing is created; the answer tells what would be. */
  createTopic(
    _topic: NewTopic,
    _options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<CreatedTopic> {
    return Promise.reject(soon('createTopic'));
  }

  /** Rejects with the first failure; the topics before and after it in the list may exist all the same. */
  createTopics(
    _topics: readonly NewTopic[],
    _options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<CreatedTopic[]> {
    return Promise.reject(soon('createTopics'));
  }

  deleteTopic(_name: string, _options: CallOptions = {}): Promise<void> {
    return Promise.reject(soon('deleteTopic'));
  }

  deleteTopics(_names: readonly string[], _options: CallOptions = {}): Promise<void> {
    return Promise.reject(soon('deleteTopics'));
  }

  listTopics(_options: CallOptions & { readonly internal?: boolean } = {}): Promise<TopicSummary[]> {
    return Promise.reject(soon('listTopics'));
  }

  describeTopic(_name: string, _options: CallOptions = {}): Promise<TopicDescription> {
    return Promise.reject(soon('describeTopic'));
  }

  /** Grows a topic to `partitions`. Keys may from then on land in other partitions than before. */
  createPartitions(_name: string, _partitions: number, _options: CallOptions = {}): Promise<void> {
    return Promise.reject(soon('createPartitions'));
  }

  alterConfigs(
    _name: string,
    _changes: ConfigChanges,
    _options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<void> {
    return Promise.reject(soon('alterConfigs'));
  }

  /** Deletes all records before `beforeOffset`, or all readable ones with 'highWatermark'. */
  deleteRecords(
    _partitions: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly beforeOffset: number | 'highWatermark';
    }[],
    _options: CallOptions = {},
  ): Promise<DeletedRecords[]> {
    return Promise.reject(soon('deleteRecords'));
  }

  listOffsets(
    _partitions: readonly { readonly topic: string; readonly partition: number; readonly at: OffsetQuery }[],
    _options: CallOptions & { readonly isolation?: 'read-committed' | 'read-uncommitted' } = {},
  ): Promise<ListedOffset[]> {
    return Promise.reject(soon('listOffsets'));
  }

  describeCluster(_options: CallOptions = {}): Promise<ClusterDescription> {
    return Promise.reject(soon('describeCluster'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
