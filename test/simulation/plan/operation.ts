/** What the clients of a run do, and when. */
export type Operation =
  | SendOperation
  | RestartProducer
  | RestartConsumer
  | ListLatest
  | DeleteRecords
  | RecreateTopic
  | GrowTopic
  | MemberOperation
  | TransactOperation
  | TransactorOperation
  | CopierOperation;

interface Scheduled {
  /** Unique in a plan, and kept when a plan is made smaller: values of records begin with it. */
  readonly id: number;
  readonly atMs: number;
}

/** A burst of records. */
export interface SendOperation extends Scheduled {
  readonly kind: 'send';
  readonly producer: number;
  readonly topic: string;
  /** Undefined: the partitioner's choice. */
  readonly partition: number | undefined;
  readonly count: number;
  readonly sizeBytes: number;
  /** How far the records' own timestamps lie back; left out: they have the time of the send. */
  readonly ageMs?: number;
  /** Between two records; 0 sends all in one turn. */
  readonly everyMs: number;
  readonly call: 'send' | 'enqueue' | 'send-batch';
}

/** The program ends, in order or by force, and starts again. */
export interface RestartProducer extends Scheduled {
  readonly kind: 'restart-producer';
  readonly producer: number;
  readonly isGraceful: boolean;
}

export interface RestartConsumer extends Scheduled {
  readonly kind: 'restart-consumer';
  readonly consumer: number;
  readonly isGraceful: boolean;
}

export interface ListLatest extends Scheduled {
  readonly kind: 'list-latest';
  readonly topic: string;
  readonly partition: number;
}

export interface DeleteRecords extends Scheduled {
  readonly kind: 'delete-records';
  readonly topic: string;
  readonly partition: number;
  /** Of the records that are known to be there; 1 asks for the high watermark. */
  readonly share: number;
}

export interface RecreateTopic extends Scheduled {
  readonly kind: 'recreate-topic';
  readonly topic: string;
  readonly pauseMs: number;
}

export interface GrowTopic extends Scheduled {
  readonly kind: 'grow-topic';
  readonly topic: string;
  readonly partitions: number;
}

/** Somebody comes or goes in a consumer group. */
export interface MemberOperation extends Scheduled {
  readonly kind: 'member';
  readonly group: string;
  readonly member: number;
  /** `kill`: the program is there again after `forMs`. `restart`: it leaves in order, and comes back at once. */
  readonly action: 'start' | 'leave' | 'kill' | 'pause' | 'restart';
  readonly forMs: number;
}

/** One transaction. */
export interface TransactOperation extends Scheduled {
  readonly kind: 'transact';
  readonly transactor: number;
  /** The partition of each value. */
  readonly writes: readonly number[];
  readonly ending: 'commit' | 'abort';
  /** Between the last write and the end: perhaps longer than the cluster waits. */
  readonly holdMs: number;
}

export interface TransactorOperation extends Scheduled {
  readonly kind: 'transactor';
  readonly transactor: number;
  /** `kill`: the program is there again after `forMs`. `restart`: with another producer. */
  readonly action: 'kill' | 'pause' | 'restart';
  readonly forMs: number;
}

export interface CopierOperation extends Scheduled {
  readonly kind: 'copier';
  readonly copier: number;
  /** `kill`: the program is there again after `forMs`. `restart`: it leaves in order, and comes back at once. */
  readonly action: 'kill' | 'pause' | 'restart';
  readonly forMs: number;
}
