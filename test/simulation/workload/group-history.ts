/**
 * What the members of consumer groups were told, in the order in which it happened.
 *
 *     onAssigned ──▶ ownership ──▶ onRevoked, onLost, the end of the program
 *                    deliveries: the records that the program got of it
 */
export interface Ownership {
  readonly group: string;
  /** One life of one member. */
  readonly member: string;
  /** As the coordinator knows it. */
  readonly memberId: string;
  readonly topic: string;
  readonly partition: number;
  readonly fromMs: number;
  /** Infinity as long as it goes on. */
  toMs: number;
  readonly deliveries: Delivery[];
}

export interface Delivery {
  readonly offset: number;
  readonly value: string;
  readonly readMs: number;
  /** When the program was done with it; Infinity when it never was. */
  processedMs: number;
}

/** A record that came when its partition was not the member's. */
export interface StrayDelivery {
  readonly group: string;
  readonly member: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly readMs: number;
}

/** A commit that a program asked for. */
export interface GroupCommit {
  readonly group: string;
  readonly member: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly invokedMs: number;
  /** Infinity as long as nobody said. */
  endedMs: number;
  error: string | undefined;
}

/** What a group had committed when nobody was in it any more. */
export interface FinalOffset {
  readonly label: string;
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export class GroupHistory {
  readonly ownerships: Ownership[] = [];
  readonly strays: StrayDelivery[] = [];
  readonly commits: GroupCommit[] = [];
  readonly finals: FinalOffset[] = [];
}
