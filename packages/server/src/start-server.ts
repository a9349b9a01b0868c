import { type Logger, MillraceError } from '@millrace/base';

export interface StartServerOptions {
  /** The data directory; created when absent. */
  readonly dataDir: string;
  /** `host:port` that clients connect to; port 0 picks a free one. Default `127.0.0.1:7400`. */
  readonly client?: string;
  /** `host:port` for other nodes. Off unless given. */
  readonly internal?: string;
  /** `host:port` for health and metrics. Off unless given. */
  readonly http?: string;
  readonly nodeId?: number;
  /** Settings by key, for instance `{ 'num.partitions': 3 }`; checked like the file's. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Where log lines go. Default: nowhere. */
  readonly logger?: Logger;
}

/** Listeners as bound, each `host:port` with the real port. */
export interface ServerAddresses {
  readonly client: string;
  readonly internal: string | undefined;
  readonly http: string | undefined;
}

/** A whole node in this process. */
export interface MillraceServer extends AsyncDisposable {
  readonly nodeId: number;
  readonly clusterId: string;
  /** What clients take as `bootstrap`: `host:port`. */
  readonly bootstrap: string;
  readonly addresses: ServerAddresses;
  /** Answers what waits, syncs all, marks a clean stop. Calling twice waits for the same end. */
  close(): Promise<void>;
}

export function startServer(options: StartServerOptions): Promise<MillraceServer> {
  return Promise.reject(new MillraceError('UNKNOWN_SERVER_ERROR', `Cannot start a server on ${options.dataDir} yet.`));
}
