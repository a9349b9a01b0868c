import { protocolError } from '@millrace/protocol';
import { type GroupState, memberOfInstance } from '../group-state.js';

/** Throws when the instance id is another member's by now. */
export function requireInstance(group: GroupState, memberId: string, instanceId: string | null): void {
  if (instanceId === null) return;
  const holder = memberOfInstance(group, instanceId);
  if (holder === undefined || holder === memberId) return;
  throw protocolError(
    'FENCED_INSTANCE_ID',
    `Instance id ${instanceId} of group ${group.group} is member ${holder}'s now, not ${memberId}'s.`,
  );
}
