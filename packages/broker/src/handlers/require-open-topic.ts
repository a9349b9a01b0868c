import { isInternalTopic } from '@millrace/controller/image';
import { protocolError } from '@millrace/protocol';

/** Throws for topics that the cluster keeps for itself: only their coordinators write to them. */
export function requireOpenTopic(name: string): void {
  if (!isInternalTopic(name)) return;
  throw protocolError(
    'INVALID_TOPIC_EXCEPTION',
    `Topic ${name} is kept by the cluster for itself: nobody else writes it.`,
  );
}
