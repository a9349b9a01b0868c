import { parseSettings } from '@millrace/base';
import {
  applyMetadataRecord,
  decodeMetadataRecord,
  encodeMetadataRecord,
  MetadataImage,
} from '@millrace/controller/image';
import type { KnownMetadataRecord } from '@millrace/controller/image';
import { type ControllerCommand, controllerMachine, type ControllerReplies } from '../src/controller-machine.js';
import { controllerSettings } from '../src/controller-settings.js';

export interface RunnerOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly nodeDefaults?: Readonly<Record<string, string>>;
}

/** The controller's decisions without a log: what is decided is applied, after a round trip through its bytes. */
export class MachineRunner {
  readonly machine;
  readonly log: Uint8Array[] = [];
  image = MetadataImage.empty;
  #ids = 0;

  constructor(options: RunnerOptions = {}) {
    this.machine = controllerMachine({
      settings: parseSettings(controllerSettings, options.settings ?? {}),
      nodeDefaults: options.nodeDefaults ?? {},
    });
  }

  run<Kind extends ControllerCommand['kind']>(
    command: Extract<ControllerCommand, { kind: Kind }>,
  ): ControllerReplies[Kind] {
    const { entries, reply } = this.machine.decide(this.image, command, 0, this.log.length);
    for (const entry of entries) {
      const bytes = encodeMetadataRecord(entry as KnownMetadataRecord);
      this.image = applyMetadataRecord(this.image, decodeMetadataRecord(bytes), this.log.length);
      this.log.push(bytes);
    }
    return reply as ControllerReplies[Kind];
  }

  /** What a node builds that reads the log from its beginning. */
  replay(): MetadataImage {
    return this.log.reduce(
      (image, bytes, position) => applyMetadataRecord(image, decodeMetadataRecord(bytes), position),
      MetadataImage.empty,
    );
  }

  formCluster(): void {
    this.run({ kind: 'form-cluster', clusterId: 'cluster', isExpected: false });
  }

  /** Registers and activates; returns the broker epoch. */
  startBroker(nodeId: number, labels: { rack?: string; hostLabel?: string; incarnationId?: string } = {}): number {
    const { brokerEpoch } = this.run({
      kind: 'register-broker',
      isHeard: false,
      request: {
        nodeId,
        incarnationId: labels.incarnationId ?? `incarnation ${this.log.length}`,
        directoryId: `directory ${nodeId}`,
        cleanStopEpoch: this.image.brokers.get(nodeId)?.brokerEpoch ?? -1,
        roles: ['broker'],
        rack: labels.rack ?? null,
        hostLabel: labels.hostLabel ?? null,
        host: `host${nodeId}`,
        port: 7400,
      },
    });
    this.run({ kind: 'broker-heartbeat', request: this.heartbeat(nodeId, brokerEpoch) });
    return brokerEpoch;
  }

  heartbeat(nodeId: number, brokerEpoch = this.image.brokers.get(nodeId)?.brokerEpoch ?? -1) {
    return { nodeId, brokerEpoch, metadataOffset: this.image.position - 1, wantFence: false, wantShutdown: false };
  }

  /** As random ids, but numbered: `t00...01`. */
  topicIds(count: number): string[] {
    return Array.from({ length: count }, () => {
      this.#ids += 1;
      return `t${String(this.#ids).padStart(21, '0')}`;
    });
  }

  createTopic(name: string, partitions = 1, replicationFactor = 1, configs: { key: string; value: string }[] = []) {
    const topics = [{ name, partitions, replicationFactor, configs }];
    const reply = this.run({
      kind: 'create-topics',
      request: { topics, validateOnly: false },
      topicIds: this.topicIds(1),
    });
    const [topic] = reply.topics;
    if (topic === undefined) throw new Error('a reply has an entry for each topic');
    return topic;
  }
}
