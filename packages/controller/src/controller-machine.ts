/** The controller as a state machine: its commands, and which decision each one is. */
import { unreachable } from '@millrace/base';
import type {
  CreatePartitionsResponse,
  CreateTopicsResponse,
  DeleteTopicsResponse,
  IncrementalAlterConfigsResponse,
} from '@millrace/protocol';
import type { Decision, StateMachine } from '@millrace/state-machine';
import {
  allocateProducerIds,
  type AllocateProducerIdsCommand,
  type ProducerIdBlock,
} from './decisions/allocate-producer-ids.js';
import { alterConfigs, type AlterConfigsCommand } from './decisions/alter-configs.js';
import { autoCreateTopics, type AutoCreateTopicsCommand } from './decisions/auto-create-topics.js';
import {
  brokerHeartbeat,
  fenceBroker,
  type BrokerHeartbeatCommand,
  type BrokerHeartbeatReply,
  type FenceBrokerCommand,
} from './decisions/broker-heartbeat.js';
import type { ControllerPolicy } from './decisions/controller-policy.js';
import { createPartitions, type CreatePartitionsCommand } from './decisions/create-partitions.js';
import { createTopics, type CreateTopicsCommand } from './decisions/create-topics.js';
import { deleteTopics, type DeleteTopicsCommand } from './decisions/delete-topics.js';
import { formCluster, type FormClusterCommand, type FormClusterReply } from './decisions/form-cluster.js';
import { registerBroker, type RegisterBrokerCommand, type RegisterBrokerReply } from './decisions/register-broker.js';
import { applyMetadataRecord } from './image/apply-metadata-record.js';
import { MetadataImage } from './image/metadata-image.js';
import type { MetadataRecord } from './image/metadata-record.js';

export type ControllerCommand =
  | FormClusterCommand
  | RegisterBrokerCommand
  | BrokerHeartbeatCommand
  | FenceBrokerCommand
  | CreateTopicsCommand
  | AutoCreateTopicsCommand
  | DeleteTopicsCommand
  | CreatePartitionsCommand
  | AlterConfigsCommand
  | AllocateProducerIdsCommand;

/** The reply to each kind of command. */
export interface ControllerReplies {
  readonly 'form-cluster': FormClusterReply;
  readonly 'register-broker': RegisterBrokerReply;
  readonly 'broker-heartbeat': BrokerHeartbeatReply;
  readonly 'fence-broker': undefined;
  readonly 'create-topics': CreateTopicsResponse;
  readonly 'auto-create-topics': CreateTopicsResponse;
  readonly 'delete-topics': DeleteTopicsResponse;
  readonly 'create-partitions': CreatePartitionsResponse;
  readonly 'alter-configs': IncrementalAlterConfigsResponse;
  readonly 'allocate-producer-ids': ProducerIdBlock;
}

export type ControllerReply = ControllerReplies[ControllerCommand['kind']];
export type ControllerMachine = StateMachine<MetadataImage, ControllerCommand, MetadataRecord, ControllerReply>;

export function controllerMachine(policy: ControllerPolicy): ControllerMachine {
  return {
    initial: () => MetadataImage.empty,
    decide: (image, command) => decide(image, command, policy),
    apply: applyMetadataRecord,
  };
}

function decide(
  image: MetadataImage,
  command: ControllerCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, ControllerReply> {
  switch (command.kind) {
    case 'form-cluster':
      return formCluster(image, command);
    case 'register-broker':
      return registerBroker(image, command, policy);
    case 'broker-heartbeat':
      return brokerHeartbeat(image, command, policy);
    case 'fence-broker':
      return fenceBroker(image, command, policy);
    case 'create-topics':
      return createTopics(image, command, policy);
    case 'auto-create-topics':
      return autoCreateTopics(image, command, policy);
    case 'delete-topics':
      return deleteTopics(image, command);
    case 'create-partitions':
      return createPartitions(image, command, policy);
    case 'alter-configs':
      return alterConfigs(image, command);
    case 'allocate-producer-ids':
      return allocateProducerIds(image, command);
    default:
      return unreachable(command);
  }
}
