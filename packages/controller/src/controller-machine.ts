/** The controller as a state machine: its commands, and which decision each one is. */
import { unreachable } from '@millrace/base';
import type {
  AlterPartitionReassignmentsResponse,
  AlterPartitionResponse,
  CreatePartitionsResponse,
  CreateTopicsResponse,
  DeleteTopicsResponse,
  ElectLeadersResponse,
  IncrementalAlterConfigsResponse,
} from '@millrace/protocol';
import type { Decision, StateMachine } from '@millrace/state-machine';
import {
  allocateProducerIds,
  type AllocateProducerIdsCommand,
  type ProducerIdBlock,
} from './decisions/allocate-producer-ids.js';
import { alterConfigs, type AlterConfigsCommand } from './decisions/alter-configs.js';
import { alterPartition, type AlterPartitionCommand } from './decisions/alter-partition.js';
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
import {
  balanceLeaders,
  electLeaders,
  type BalanceLeadersCommand,
  type BalanceLeadersReply,
  type ElectLeadersCommand,
} from './decisions/elect-leaders.js';
import { formCluster, type FormClusterCommand, type FormClusterReply } from './decisions/form-cluster.js';
import { reassignPartitions, type ReassignPartitionsCommand } from './decisions/reassign-partitions.js';
import { registerBroker, type RegisterBrokerCommand, type RegisterBrokerReply } from './decisions/register-broker.js';
import { settlePartitions, type SettlePartitionsCommand } from './decisions/settle-partitions.js';
import { unregisterBroker, type UnregisterBrokerCommand } from './decisions/unregister-broker.js';
import { applyMetadataRecord } from './image/apply-metadata-record.js';
import { MetadataImage } from './image/metadata-image.js';
import type { MetadataRecord } from './image/metadata-record.js';

export type ControllerCommand =
  | FormClusterCommand
  | RegisterBrokerCommand
  | BrokerHeartbeatCommand
  | FenceBrokerCommand
  | UnregisterBrokerCommand
  | AlterPartitionCommand
  | ElectLeadersCommand
  | BalanceLeadersCommand
  | ReassignPartitionsCommand
  | SettlePartitionsCommand
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
  readonly 'unregister-broker': undefined;
  readonly 'alter-partition': AlterPartitionResponse;
  readonly 'elect-leaders': ElectLeadersResponse;
  readonly 'balance-leaders': BalanceLeadersReply;
  readonly 'reassign-partitions': AlterPartitionReassignmentsResponse;
  readonly 'settle-partitions': undefined;
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
    // Ids drawn from the position must be those of the log, which may have entries of its own after the image's last.
    decide: (image, command, _nowMs, position) => decide(image.withPosition(position), command, policy),
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
    case 'unregister-broker':
      return unregisterBroker(image, command);
    case 'alter-partition':
      return alterPartition(image, command, policy);
    case 'elect-leaders':
      return electLeaders(image, command, policy);
    case 'balance-leaders':
      return balanceLeaders(image, command, policy);
    case 'reassign-partitions':
      return reassignPartitions(image, command, policy);
    case 'settle-partitions':
      return settlePartitions(image, policy);
    case 'create-topics':
      return createTopics(image, command, policy);
    case 'auto-create-topics':
      return autoCreateTopics(image, command, policy);
    case 'delete-topics':
      return deleteTopics(image, command);
    case 'create-partitions':
      return createPartitions(image, command, policy);
    case 'alter-configs':
      return alterConfigs(image, command, policy);
    case 'allocate-producer-ids':
      return allocateProducerIds(image, command);
    default:
      return unreachable(command);
  }
}
