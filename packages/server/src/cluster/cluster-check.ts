/**
 * Whether the nodes that are configured as voters are of the cluster that this node's directory belongs to.
 *
 * The metadata log of another cluster may hold a quorum that is whole without any of the configured nodes: Raft would
 * elect from it and write, and the node would be ready, in the wrong cluster. So where the log and the configuration
 * name other voters, they are asked before Raft begins:
 *
 *     one of them says that it is of this cluster    begin
 *     one of them says that it is of another         end the start
 *     neither, once all have answered or in time     begin: they have no cluster yet, or nobody can be asked
 */
import { type Clock, MillraceError } from '@millrace/base';
import type { NodeReach } from '@millrace/broker';

export interface ClusterCheckOptions {
  readonly clock: Clock;
  /** What this node's directory says; null: nothing. */
  readonly clusterId: () => string | null;
  readonly dataDir: string;
  /** Opens a connection to the node if there is none; the outcome comes to `noteReach`. */
  readonly connect: (nodeId: number) => void;
  /** How long an answer is waited for. */
  readonly patienceMs: number;
}

type Answer = 'same' | 'none' | MillraceError;

const askIntervalMs = 50;

export class ClusterCheck {
  readonly #options: ClusterCheckOptions;
  /** By node. */
  readonly #answers = new Map<number, Answer>();

  constructor(options: ClusterCheckOptions) {
    this.#options = options;
  }

  /** `clusterId`: what the node said of itself, with `open`. */
  noteReach(nodeId: number, reach: NodeReach, { refusal, clusterId }: ReachDetails): void {
    if (reach === 'open') this.#answers.set(nodeId, typeof clusterId === 'string' ? 'same' : 'none');
    else if (refusal?.code === 'INCONSISTENT_CLUSTER_ID') this.#answers.set(nodeId, refusal);
  }

  /** Rejects with INCONSISTENT_CLUSTER_ID when one of the nodes is of another cluster. */
  async requireSame(nodeIds: readonly number[], wait: (timeMs: number) => Promise<void>): Promise<void> {
    const { clock, connect, patienceMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      const answers = nodeIds.map((nodeId) => this.#answers.get(nodeId));
      nodeIds.forEach((nodeId, index) => {
        const answer = answers[index];
        if (answer instanceof MillraceError) throw this.#foreign(nodeId, answer);
      });
      if (answers.includes('same') || !answers.includes(undefined) || clock.monotonicMs() >= deadlineMs) return;
      for (const nodeId of nodeIds) if (!this.#answers.has(nodeId)) connect(nodeId);
      await wait(askIntervalMs);
    }
  }

  #foreign(nodeId: number, refusal: MillraceError): MillraceError {
    const { dataDir, clusterId } = this.#options;
    return new MillraceError(
      'INCONSISTENT_CLUSTER_ID',
      `The data directory ${dataDir} belongs to cluster ${clusterId()}, and node ${nodeId} of controller.quorum.voters ` +
        `to another. Start this node with the directory that it has in that cluster, or with an empty one to let it ` +
        `join; a directory of cluster ${clusterId()} needs the voters of that cluster. Node ${nodeId} said: ${refusal.message}`,
      { cause: refusal },
    );
  }
}

interface ReachDetails {
  readonly refusal: MillraceError | undefined;
  readonly clusterId: string | null | undefined;
}
