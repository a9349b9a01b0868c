/** Who of the group read what. */
import Table from 'cli-table3';
import pc from 'picocolors';

interface Share {
  flights: number;
  readonly partitions: Set<number>;
}

export class SharedWork {
  readonly #shares: readonly Share[];

  constructor(members: number) {
    this.#shares = Array.from({ length: members }, () => ({ flights: 0, partitions: new Set() }));
  }

  add(member: number, partition: number): void {
    const share = this.#shares[member];
    if (share === undefined) throw new RangeError(`There is no member ${member}.`);
    share.flights += 1;
    share.partitions.add(partition);
  }

  table(): string {
    const table = new Table({
      head: ['Consumer', 'Partitions', 'Flights'].map((text) => pc.bold(text)),
      colAligns: ['left', 'left', 'right'],
      style: { head: [], border: [], compact: true },
    });
    this.#shares.forEach(({ flights, partitions }, index) => {
      const list = [...partitions].sort((a, b) => a - b).join(', ');
      table.push([`reader-${index + 1}`, list === '' ? '-' : list, flights.toLocaleString('en-US')]);
    });
    return table.toString();
  }
}
