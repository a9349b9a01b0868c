/**
 * The controller while it decides: on a single voter always, in a quorum for as long as this node leads.
 *
 *     created -> open -> closed      open: the log is replayed, the cluster has an id, partitions are settled
 *
 * Besides answering commands it does what nobody asks for: it fences brokers that fell silent, and brings leaderships
 * back to preferred replicas, few at a time. All of it is decided by data; here is only the time.
 */
import { type Clock, errorMessage, type Logger, type Timer } from '@millrace/base';
import { StateMachineHost, type StateMachineHostOptions } from '@millrace/state-machine';
import { BrokerSessions } from './broker-sessions.js';
import type { ControllerCommand, ControllerReplies, ControllerReply } from './controller-machine.js';
import type { ControllerSettingValues } from './controller-settings.js';
import type { FormClusterCommand } from './decisions/form-cluster.js';
import type { MetadataImage } from './image/metadata-image.js';
import type { MetadataRecord } from './image/metadata-record.js';

export type ControllerHostOptions = StateMachineHostOptions<
  MetadataImage,
  ControllerCommand,
  MetadataRecord,
  ControllerReply
>;

export interface ActiveControllerOptions {
  readonly host: ControllerHostOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: ControllerSettingValues;
  /** The broker of this very process is alive as long as this code runs. */
  readonly nodeId: number;
  /** The newest committed image. */
  readonly image: () => MetadataImage;
}

/** Leaderships that move at once, and the pause before more do: clients and followers have to find the new leaders. */
const balanceStep = 100;
const balancePauseMs = 1000;

export class ActiveController {
  readonly #options: ActiveControllerOptions;
  readonly #host: StateMachineHost<MetadataImage, ControllerCommand, MetadataRecord, ControllerReply>;
  readonly sessions: BrokerSessions;
  #sessionTimer: Timer | undefined;
  #balanceTimer: Timer | undefined;
  #isOpen = false;
  #isClosed = false;

  constructor(options: ActiveControllerOptions) {
    const { settings, clock } = options;
    this.#options = options;
    this.sessions = new BrokerSessions(settings['broker.session.timeout.ms'], clock.monotonicMs());
    this.#host = StateMachineHost.create(options.host);
  }

  /** Commands are answered from here on. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosed;
  }

  async open(formation: Omit<FormClusterCommand, 'kind'>): Promise<void> {
    await this.#host.rebuild();
    if (this.#isClosed) return;
    await this.submit({ kind: 'form-cluster', ...formation });
    await this.submit({ kind: 'settle-partitions' });
    this.#isOpen = true;
    this.#watchSessions();
    this.#balanceAfter(this.#balanceIntervalMs);
  }

  submit<Kind extends ControllerCommand['kind']>(
    command: Extract<ControllerCommand, { kind: Kind }>,
  ): Promise<ControllerReplies[Kind]> {
    // The machine answers each kind of command with its kind of reply: see ControllerReplies.
    return this.#host.submit(command) as Promise<ControllerReplies[Kind]>;
  }

  read(): Promise<MetadataImage> {
    return this.#host.read();
  }

  snapshot(): Promise<void> {
    return this.#host.snapshot();
  }

  /** The process of the broker has ended. A broker that is fenced wrongly is active again with its next heartbeat. */
  fenceGone(nodeId: number): void {
    const broker = this.#options.image().brokers.get(nodeId);
    if (!this.isOpen || broker === undefined || broker.state === 'fenced' || nodeId === this.#options.nodeId) return;
    const { brokerEpoch } = broker;
    this.#options.logger.warn('The process of a broker has ended; it gets fenced', { nodeId, brokerEpoch });
    this.#attempt('fence a broker that is gone', this.submit({ kind: 'fence-broker', nodeId, brokerEpoch }));
  }

  /** Stops at once; resolves when nothing of it runs any more. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#sessionTimer?.cancel();
    this.#balanceTimer?.cancel();
    return this.#host.close();
  }

  get #balanceIntervalMs(): number {
    return this.#options.settings['leader.imbalance.check.interval.seconds'] * 1000;
  }

  #watchSessions(): void {
    if (this.#isClosed) return;
    const { clock } = this.#options;
    this.#sessionTimer = clock.schedule(this.sessions.checkIntervalMs, () => {
      this.#fenceSilent(clock.monotonicMs());
      this.#watchSessions();
    });
  }

  #fenceSilent(nowMs: number): void {
    const { image, nodeId: self } = this.#options;
    const { brokers } = image();
    const watched = [...brokers.values()].filter(({ nodeId, state }) => state !== 'fenced' && nodeId !== self);
    for (const nodeId of this.sessions.expired(
      watched.map((broker) => broker.nodeId),
      nowMs,
    )) {
      const brokerEpoch = brokers.get(nodeId)?.brokerEpoch ?? -1;
      this.#options.logger.warn('A broker is silent and gets fenced', { nodeId, brokerEpoch });
      this.#attempt('fence a silent broker', this.submit({ kind: 'fence-broker', nodeId, brokerEpoch }));
    }
  }

  #balanceAfter(delayMs: number): void {
    if (this.#isClosed || !this.#options.settings['auto.leader.rebalance.enable']) return;
    this.#balanceTimer = this.#options.clock.schedule(delayMs, () => {
      this.#attempt('balance leaders', this.#balance());
    });
  }

  async #balance(): Promise<void> {
    let delayMs = this.#balanceIntervalMs;
    try {
      // With one broker there is nobody to move anything to.
      if (this.#options.image().brokers.size < 2) return;
      const { moved, remaining } = await this.submit({ kind: 'balance-leaders', limit: balanceStep });
      if (moved > 0) this.#options.logger.info('Leaderships moved to preferred replicas', { moved, remaining });
      if (remaining > 0) delayMs = balancePauseMs;
    } finally {
      this.#balanceAfter(delayMs);
    }
  }

  #attempt(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (this.#isClosed) return;
      this.#options.logger.warn(`Could not ${what}; it will be tried again`, { reason: errorMessage(error) });
    });
  }
}
