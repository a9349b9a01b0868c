/** Sequence numbers of idempotent producers: int32 from 0, and 0 again after 2^31-1. */
const sequenceCount = 2 ** 31;

/** The highest producer epoch, an int16. A partition that used it up takes a new producer id. */
export const maxProducerEpoch = 32_767;

export function sequenceAfter(baseSequence: number, recordCount: number): number {
  return (baseSequence + recordCount) % sequenceCount;
}
