/**
 * The controller as the broker of this node sees it, wherever it is: the controller of this very process while that
 * leads the quorum, else the node that does, over its internal listener.
 *
 *     image, subscribe     always this node's own: it follows the metadata log
 *     everything else      asked of the active controller, within a deadline; never longer
 *
 * While no leader is known it waits for one. A request that was sent and not answered may have been carried out: it is
 * sent again only where doing it twice is the same as once. An answer to a change is released when this node's image has
 * the change, so that whoever made it finds it here.
 */
import { type Clock, MillraceError, sleep } from '@millrace/base';
import type { BrokerRegistration, ControllerGateway } from '@millrace/broker';
import type { Controller } from '@millrace/controller';
import type { MetadataImage } from '@millrace/controller/image';
import {
  addRaftVoterApi,
  type AddRaftVoterRequest,
  type AddRaftVoterResponse,
  allocateProducerIdsApi,
  alterPartitionApi,
  type AlterPartitionRequest,
  type AlterPartitionResponse,
  alterPartitionReassignmentsApi,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
  type Api,
  brokerHeartbeatApi,
  createPartitionsApi,
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  createTopicsApi,
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  deleteTopicsApi,
  type DeleteTopicsRequest,
  type DeleteTopicsResponse,
  describeClusterApi,
  type DescribeClusterResponse,
  describeConfigsApi,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
  describeQuorumApi,
  type DescribeQuorumResponse,
  electLeadersApi,
  type ElectLeadersRequest,
  type ElectLeadersResponse,
  errorByName,
  errorFromWire,
  incrementalAlterConfigsApi,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
  listPartitionReassignmentsApi,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponse,
  registerBrokerApi,
  removeRaftVoterApi,
  type RemoveRaftVoterRequest,
  type RemoveRaftVoterResponse,
  unregisterBrokerApi,
  type UnregisterBrokerRequest,
  type UnregisterBrokerResponse,
} from '@millrace/protocol';
import type { NodeCalls } from './node-calls.js';

export interface ClusterGatewayOptions {
  readonly nodeId: number;
  readonly controller: Controller;
  readonly nodes: Pick<NodeCalls, 'call'>;
  readonly clock: Clock;
  /** For requests that bring no time of their own. */
  readonly requestTimeoutMs: number;
  /** A sign of life that takes longer is of no use. */
  readonly heartbeatTimeoutMs: number;
}

type Heartbeat = Parameters<ControllerGateway['heartbeat']>[0];
type HeartbeatReply = Awaited<ReturnType<ControllerGateway['heartbeat']>>;
type ProducerIds = Awaited<ReturnType<ControllerGateway['allocateProducerIds']>>;

interface Question<Result> {
  readonly timeoutMs: number;
  /** Whether it may be asked again when an answer was lost. */
  readonly isRepeatable: boolean;
  readonly here: () => Promise<Result>;
  readonly there: (nodeId: number, timeoutMs: number) => Promise<Result>;
}

const pauseMs = 50;
/** What a caller that gave its time away still gets. */
const minTimeoutMs = 100;

export class ClusterGateway implements ControllerGateway {
  readonly #options: ClusterGatewayOptions;
  readonly #controller: Controller;
  #registrationRefusal: MillraceError | undefined;

  constructor(options: ClusterGatewayOptions) {
    this.#options = options;
    this.#controller = options.controller;
  }

  get image(): MetadataImage {
    return this.#controller.image;
  }

  get controllerId(): number {
    return this.#controller.controllerId;
  }

  subscribe(listener: Parameters<ControllerGateway['subscribe']>[0]): () => void {
    return this.#controller.subscribe(listener);
  }

  /** Why the last registration was refused: another live process has this node's id. */
  get registrationRefusal(): MillraceError | undefined {
    return this.#registrationRefusal;
  }

  async registerBroker(request: BrokerRegistration): Promise<{ readonly brokerEpoch: number }> {
    try {
      const reply = await this.#register(request);
      this.#registrationRefusal = undefined;
      return reply;
    } catch (error) {
      const isDuplicate = error instanceof MillraceError && error.code === 'DUPLICATE_BROKER_REGISTRATION';
      this.#registrationRefusal = isDuplicate ? error : undefined;
      throw error;
    }
  }

  #register(request: BrokerRegistration): Promise<{ readonly brokerEpoch: number }> {
    const { internalHost, internalPort, ...rest } = request;
    return this.#ask({
      timeoutMs: this.#options.requestTimeoutMs,
      isRepeatable: true,
      here: () => this.#controller.registerBroker(request, 'local'),
      there: async (nodeId, timeoutMs) => {
        if (internalHost === undefined || internalPort === undefined) {
          throw new MillraceError(
            'INVALID_CONFIG',
            'A node of a cluster needs an internal listener: set listener.internal.',
          );
        }
        const body = { ...rest, roles: [...rest.roles], internalHost, internalPort };
        return checked(await this.#options.nodes.call(nodeId, registerBrokerApi, body, { timeoutMs }), 'Registration');
      },
    });
  }

  heartbeat(request: Heartbeat): Promise<HeartbeatReply> {
    return this.#ask({
      timeoutMs: this.#options.heartbeatTimeoutMs,
      isRepeatable: true,
      here: () => this.#controller.heartbeat(request),
      there: async (nodeId, timeoutMs) =>
        checked(await this.#options.nodes.call(nodeId, brokerHeartbeatApi, request, { timeoutMs }), 'Heartbeat'),
    });
  }

  allocateProducerIds(request: { readonly nodeId: number; readonly brokerEpoch: number }): Promise<ProducerIds> {
    return this.#ask({
      timeoutMs: this.#options.requestTimeoutMs,
      // A block that nobody got is lost, and there are enough.
      isRepeatable: true,
      here: () => this.#controller.allocateProducerIds(request),
      there: async (nodeId, timeoutMs) =>
        checked(await this.#options.nodes.call(nodeId, allocateProducerIdsApi, request, { timeoutMs }), 'Producer ids'),
    });
  }

  alterPartition(request: AlterPartitionRequest): Promise<AlterPartitionResponse> {
    return this.#ask({
      timeoutMs: this.#options.requestTimeoutMs,
      // The sender must know that an answer was lost: its own earlier attempt may have changed what this one compares with.
      isRepeatable: false,
      here: () => this.#controller.alterPartition(request),
      there: (nodeId, timeoutMs) => this.#options.nodes.call(nodeId, alterPartitionApi, request, { timeoutMs }),
    });
  }

  electLeaders(request: ElectLeadersRequest): Promise<ElectLeadersResponse> {
    return this.#change(request, electLeadersApi, (timed) => this.#controller.electLeaders(timed));
  }

  alterPartitionReassignments(
    request: AlterPartitionReassignmentsRequest,
  ): Promise<AlterPartitionReassignmentsResponse> {
    return this.#change(request, alterPartitionReassignmentsApi, (timed) =>
      this.#controller.alterPartitionReassignments(timed),
    );
  }

  listPartitionReassignments(request: ListPartitionReassignmentsRequest): Promise<ListPartitionReassignmentsResponse> {
    return this.#look(request, listPartitionReassignmentsApi, () =>
      this.#controller.listPartitionReassignments(request),
    );
  }

  createTopics(request: CreateTopicsRequest): Promise<CreateTopicsResponse> {
    return this.#change(request, createTopicsApi, (timed) => this.#controller.createTopics(timed));
  }

  async autoCreateTopics(names: readonly string[]): Promise<CreateTopicsResponse> {
    if (this.#controller.isActive) return this.#controller.autoCreateTopics(names);
    const topics = names.map((name) => ({ name, partitions: -1, replicationFactor: -1, configs: [] }));
    const request = { topics, timeoutMs: this.#options.requestTimeoutMs, validateOnly: false };
    const reply = await this.createTopics(request);
    // Somebody else was faster: what was wanted is there.
    const exists = errorByName('TOPIC_ALREADY_EXISTS')?.number;
    return {
      topics: reply.topics.map((topic) => (topic.error === exists ? { ...topic, error: 0, message: null } : topic)),
    };
  }

  deleteTopics(request: DeleteTopicsRequest): Promise<DeleteTopicsResponse> {
    return this.#change(request, deleteTopicsApi, (timed) => this.#controller.deleteTopics(timed));
  }

  createPartitions(request: CreatePartitionsRequest): Promise<CreatePartitionsResponse> {
    return this.#change(request, createPartitionsApi, (timed) => this.#controller.createPartitions(timed));
  }

  alterConfigs(request: IncrementalAlterConfigsRequest): Promise<IncrementalAlterConfigsResponse> {
    const timed = { ...request, timeoutMs: this.#options.requestTimeoutMs };
    return this.#change(
      timed,
      incrementalAlterConfigsApi,
      () => this.#controller.alterConfigs(request),
      () => request,
    );
  }

  describeConfigs(request: DescribeConfigsRequest): Promise<DescribeConfigsResponse> {
    return this.#look(request, describeConfigsApi, () => this.#controller.describeConfigs(request));
  }

  describeCluster(): Promise<DescribeClusterResponse> {
    return this.#look({}, describeClusterApi, () => this.#controller.describeCluster());
  }

  describeQuorum(): Promise<DescribeQuorumResponse> {
    return this.#look({}, describeQuorumApi, () => this.#controller.describeQuorum());
  }

  addVoter(request: AddRaftVoterRequest): Promise<AddRaftVoterResponse> {
    return this.#change(request, addRaftVoterApi, (timed) => this.#controller.addVoter(timed));
  }

  removeVoter(request: RemoveRaftVoterRequest): Promise<RemoveRaftVoterResponse> {
    return this.#change(request, removeRaftVoterApi, (timed) => this.#controller.removeVoter(timed));
  }

  unregisterBroker(request: UnregisterBrokerRequest): Promise<UnregisterBrokerResponse> {
    return this.#change(request, unregisterBrokerApi, (timed) => this.#controller.unregisterBroker(timed));
  }

  #look<Request, Response>(
    request: Request,
    api: Api<Request, Response>,
    here: () => Promise<Response>,
  ): Promise<Response> {
    return this.#ask({
      timeoutMs: this.#options.requestTimeoutMs,
      isRepeatable: true,
      here,
      there: (nodeId, timeoutMs) => this.#options.nodes.call(nodeId, api, request, { timeoutMs }),
    });
  }

  #change<Request, Timed extends Request & { readonly timeoutMs: number }, Response>(
    request: Timed,
    api: Api<Request, Response>,
    here: (request: Timed) => Promise<Response>,
    onWire: (request: Timed) => Request = (timed) => timed,
  ): Promise<Response> {
    const deadlineMs = this.#nowMs + request.timeoutMs;
    return this.#ask({
      timeoutMs: request.timeoutMs,
      isRepeatable: false,
      here: () => here({ ...request, timeoutMs: this.#leftMs(deadlineMs) }),
      there: async (nodeId, timeoutMs) => {
        const body = onWire({ ...request, timeoutMs: Math.ceil(timeoutMs) });
        const reply = await this.#options.nodes.call(nodeId, api, body, { timeoutMs });
        await this.#followUp(nodeId, deadlineMs);
        return reply;
      },
    });
  }

  /** Waits until this node's image has what the controller has now. The change is made, whatever comes of this. */
  async #followUp(nodeId: number, deadlineMs: number): Promise<void> {
    const { nodes, clock } = this.#options;
    let metadataOffset: number;
    try {
      const options = { timeoutMs: this.#leftMs(deadlineMs) };
      ({ metadataOffset } = await nodes.call(nodeId, describeClusterApi, {}, options));
    } catch (error) {
      // The answer that is there is worth more than the certainty that it can be used at once.
      if (error instanceof MillraceError) return;
      throw error;
    }
    while (this.image.position <= metadataOffset && this.#nowMs < deadlineMs) await sleep(clock, followMs);
  }

  async #ask<Result>({ timeoutMs, isRepeatable, here, there }: Question<Result>): Promise<Result> {
    const { nodeId: self, clock } = this.#options;
    const deadlineMs = this.#nowMs + Math.max(timeoutMs, minTimeoutMs);
    for (;;) {
      const leader = this.#controller.controllerId;
      let failure: MillraceError | undefined;
      if (this.#controller.isActive || (leader !== -1 && leader !== self)) {
        try {
          return await (this.#controller.isActive ? here() : there(leader, this.#leftMs(deadlineMs)));
        } catch (error) {
          if (!isRepeatable || !(error instanceof MillraceError) || !mayPass.has(error.code)) throw error;
          failure = error;
        }
      }
      if (this.#nowMs + pauseMs >= deadlineMs) throw failure ?? noController(timeoutMs);
      await sleep(clock, pauseMs);
    }
  }

  #leftMs(deadlineMs: number): number {
    return Math.max(1, Math.ceil(deadlineMs - this.#nowMs));
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

const followMs = 5;
/** What another try, perhaps with another node, may not run into again. */
const mayPass = new Set([
  'NOT_CONTROLLER',
  'NETWORK_EXCEPTION',
  'BROKER_NOT_AVAILABLE',
  'CONNECTION_CLOSED',
  'UNSUPPORTED_VERSION',
]);

function noController(timeoutMs: number): MillraceError {
  return new MillraceError(
    'NOT_CONTROLLER',
    `No node leads the controller quorum, or this node knows of none, for ${Math.ceil(timeoutMs)} ms. Try again; if it ` +
      'stays so, a majority of the voters is not running or cannot reach each other.',
    { retriable: true },
  );
}

function checked<Reply extends { readonly error: number; readonly message: string | null }>(
  reply: Reply,
  what: string,
): Reply {
  const error = errorFromWire(reply, what);
  if (error !== undefined) throw error;
  return reply;
}
