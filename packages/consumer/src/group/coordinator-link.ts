/** Requests to the coordinator of one group, wherever it is at the moment. */
import { errorCode } from '@millrace/base';
import { retryDecision, withRetries, type CallOptions, type ClusterClient, type RetryLimit } from '@millrace/client';
import { errorFromWire, findCoordinatorApi, protocolError, type Api } from '@millrace/protocol';

export class CoordinatorLink {
  readonly #client: ClusterClient;
  readonly #group: string;
  #node = -1;

  constructor(client: ClusterClient, group: string) {
    this.#client = client;
    this.#group = group;
  }

  /** One attempt. A failure that may mean that the coordinator has moved makes the next call look for it. */
  async call<RequestBody, ResponseBody>(
    api: Api<RequestBody, ResponseBody>,
    body: RequestBody,
    options: CallOptions,
  ): Promise<ResponseBody> {
    const node = await this.#find(options);
    try {
      return (await this.#client.call({ node }, api, body, [], options)).body;
    } catch (error) {
      if (mayHaveMoved(error) && this.#node === node) this.#node = -1;
      throw error;
    }
  }

  /** The same until it succeeds, fails for good, or the time is over. */
  callWithRetries<RequestBody, ResponseBody>(
    api: Api<RequestBody, ResponseBody>,
    makeBody: () => RequestBody,
    limit: RetryLimit,
  ): Promise<ResponseBody> {
    return withRetries(this.#client, limit, (attempt) => this.call(api, makeBody(), attempt));
  }

  async #find(options: CallOptions): Promise<number> {
    if (this.#node >= 0) return this.#node;
    const request = { keyType: 'group' as const, keys: [this.#group] };
    const { body } = await this.#client.call('any', findCoordinatorApi, request, [], options);
    const [answer] = body.coordinators;
    if (answer === undefined) throw protocolError('INVALID_RESPONSE', 'FindCoordinator was answered for no group.');
    const error = errorFromWire(answer, `The coordinator of group ${this.#group}`);
    if (error !== undefined) throw error;
    // The client reaches nodes that its metadata has.
    if (!this.#client.nodes.some(({ nodeId }) => nodeId === answer.nodeId)) await this.#client.refresh([], options);
    this.#node = answer.nodeId;
    return answer.nodeId;
  }
}

function mayHaveMoved(error: unknown): boolean {
  return retryDecision(error) === 'refresh' || errorCode(error) === 'COORDINATOR_NOT_AVAILABLE';
}
