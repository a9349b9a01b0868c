/** Members of one group in this process, and how many partitions each has at the moment. */
import { Consumer } from 'millrace';
import { until } from '../../nodes/until.js';

/** How often it is looked whether all have their share: a figure is late by that at most. */
const lookEveryMs = 2;

export interface MemberOf {
  readonly bootstrap: string;
  readonly group: string;
  readonly topic: string;
}

export class Member {
  readonly consumer: Consumer;
  readonly #running: Promise<void>;
  #held = 0;
  #given = 0;

  constructor({ bootstrap, group, topic }: MemberOf) {
    const gone = (partitions: readonly unknown[]): void => {
      this.#held -= partitions.length;
    };
    this.consumer = new Consumer({
      bootstrap,
      group,
      topics: [topic],
      autoCommit: false,
      onAssigned: (partitions) => {
        this.#held += partitions.length;
        this.#given += partitions.length;
      },
      onRevoked: gone,
      onLost: gone,
    });
    this.#running = this.consumer.run({ eachRecord: () => undefined });
  }

  get held(): number {
    return this.#held;
  }

  /** Partitions that it was ever given, each as often as it came. */
  get given(): number {
    return this.#given;
  }

  /** Leaves the group. Rejects with what ended its work before. */
  async leave(): Promise<void> {
    await this.consumer.close();
    await this.#running;
  }
}

export function untilShared(members: readonly Member[], share: number): Promise<void> {
  const what = `each of ${members.length} members has ${share} partitions`;
  return until(what, () => members.every(({ held }) => held === share), lookEveryMs);
}

export async function leaveAll(members: readonly Member[]): Promise<void> {
  await Promise.all(members.map((member) => member.leave()));
}
