import type { Api } from '@millrace/protocol';

/** The ways to the other nodes of the cluster, by node id. */
export interface NodeCalls {
  /** Rejects with a typed error when there is no answer in time, or the node refuses. */
  call<Request, Response>(
    nodeId: number,
    api: Api<Request, Response>,
    body: Request,
    options: { readonly timeoutMs: number },
  ): Promise<Response>;
  /** One way: sends, or drops. Never throws, never waits. */
  send<Request>(nodeId: number, api: Api<Request, unknown>, body: Request, payload: readonly Uint8Array[]): void;
}
