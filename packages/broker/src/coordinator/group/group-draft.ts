/** A decision on one group in the making: its entries so far, and the group as it will be with them. */
import { applyToGroup } from './apply-group-entry.js';
import type { GroupEntry } from './group-entry.js';
import type { GroupState } from './group-state.js';

type Without<Entry> = Entry extends unknown ? Omit<Entry, 'group'> : never;

export class GroupDraft {
  readonly entries: GroupEntry[] = [];
  #group: GroupState;

  constructor(group: GroupState) {
    this.#group = group;
  }

  get group(): GroupState {
    return this.#group;
  }

  add(entry: Without<GroupEntry>): void {
    const complete = { ...entry, group: this.#group.group } as GroupEntry;
    this.entries.push(complete);
    this.#group = applyToGroup(this.#group, complete);
  }
}
