/** What is different between two images: what a broker acts on. Found by comparing, so it holds for any two images. */
import type { BrokerImage, MetadataImage, TopicImage } from './metadata-image.js';

export interface MetadataDelta {
  /** Positions of the two images. */
  readonly from: number;
  readonly to: number;
  readonly topicsCreated: readonly TopicImage[];
  /** As they were. */
  readonly topicsDeleted: readonly TopicImage[];
  /** Topics in both images, by name, whose partitions or settings differ. */
  readonly topicsChanged: readonly TopicChange[];
  /** Registered, changed, or (with `after` undefined) gone. */
  readonly brokersChanged: readonly BrokerChange[];
}

export interface TopicChange {
  readonly before: TopicImage;
  readonly after: TopicImage;
  /** Indexes of partitions that are new or different, ascending. */
  readonly partitions: readonly number[];
  readonly configsChanged: boolean;
}

export interface BrokerChange {
  readonly before: BrokerImage | undefined;
  readonly after: BrokerImage | undefined;
}

export function metadataDelta(before: MetadataImage, after: MetadataImage): MetadataDelta {
  const topicsCreated: TopicImage[] = [];
  const topicsDeleted: TopicImage[] = [];
  const topicsChanged: TopicChange[] = [];
  for (const change of after.topicChangesSince(before)) {
    if (change.before === undefined) {
      if (change.after !== undefined) topicsCreated.push(change.after);
    } else if (change.after === undefined) {
      topicsDeleted.push(change.before);
    } else {
      topicsChanged.push(topicChange(change.before, change.after));
    }
  }
  return {
    from: before.position,
    to: after.position,
    topicsCreated: topicsCreated.sort(byName),
    topicsDeleted: topicsDeleted.sort(byName),
    topicsChanged: topicsChanged.sort((a, b) => byName(a.after, b.after)),
    brokersChanged: brokerChanges(before.brokers, after.brokers),
  };
}

function topicChange(before: TopicImage, after: TopicImage): TopicChange {
  const partitions = after.partitions.flatMap((partition, index) =>
    partition === before.partitions[index] ? [] : [index],
  );
  return { before, after, partitions, configsChanged: before.configs !== after.configs };
}

function brokerChanges(
  before: ReadonlyMap<number, BrokerImage>,
  after: ReadonlyMap<number, BrokerImage>,
): readonly BrokerChange[] {
  if (before === after) return [];
  const nodeIds = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b);
  return nodeIds
    .map((nodeId) => ({ before: before.get(nodeId), after: after.get(nodeId) }))
    .filter((change) => change.before !== change.after);
}

function byName(a: TopicImage, b: TopicImage): number {
  return a.name < b.name ? -1 : 1;
}
