/** Where compaction changes the header of a batch; the whole of it is drawn in `layout.ts` of the record package. */
export const batchLengthPosition = 8;
export const crcPosition = 17;
export const attributesPosition = 21;
export const baseTimestampPosition = 27;
export const maxTimestampPosition = 35;
export const recordCountPosition = 57;
export const recordsPosition = 61;

/** What the batch length field does not count. */
export const batchLengthOverheadBytes = 12;

export const compressionMask = 0b111;
/** The base timestamp is the moment from which the batch's tombstones may go. */
export const deleteHorizonFlag = 1 << 6;
