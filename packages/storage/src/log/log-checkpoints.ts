/**
 * How a log makes its two durable numbers durable. The log directory keeps them for all of its logs in checkpoint
 * files; a log asks for them to be written before it does what would make the old number a lie.
 *
 * Both promises resolve after the number would survive a power cut.
 */
export interface LogCheckpoints {
  /** Records below `offset` are about to be removed. */
  saveStartOffset(offset: number): Promise<void>;
  /** Records from `offset` on are about to be removed: they are no longer known to be synced. */
  saveRecoveryPoint(offset: number): Promise<void>;
}
