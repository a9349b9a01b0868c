/**
 * The bytes of a record batch: Kafka's message format v2 ("magic 2"), byte for byte. All integers are big endian.
 *
 *     byte  size  field
 *      0     8    base offset             offset of the first record; clients send 0, the leader's log sets it
 *      8     4    batch length            bytes that follow this field: size of the batch - 12
 *     12     4    partition leader epoch  clients send -1, the leader's log sets it
 *     16     1    magic                   2
 *     17     4    CRC-32C                 of bytes 21 to the end
 *     --------------------------------------------------------------- covered by the CRC from here
 *     21     2    attributes              see below
 *     23     4    last offset delta       offset of the last record - base offset
 *     27     8    base timestamp          of the first record, ms since 1970; -1 = none
 *     35     8    max timestamp           the greatest of the records, or the moment of append (bit 3)
 *     43     8    producer id             -1 = none
 *     51     2    producer epoch          -1 = none
 *     53     4    base sequence           of the first record; -1 = none; wraps from 2^31-1 to 0
 *     57     4    record count
 *     61     -    records                 compressed as one unit when bits 0-2 say so
 *
 *     attributes, bit   0-2  compression: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
 *                       3    timestamp type: 0 CreateTime, 1 LogAppendTime (every record has the max timestamp)
 *                       4    transactional
 *                       5    control (the records are markers, not data)
 *                       6    the base timestamp is a delete horizon (written by compaction only)
 *                       7-15 unused, 0
 *
 *     record            size       field
 *                       varint     length of what follows
 *                       1          attributes, unused, 0
 *                       varlong    timestamp - base timestamp (may be negative)
 *                       varint     offset - base offset
 *                       varint     key length, -1 = null      then the key
 *                       varint     value length, -1 = null    then the value
 *                       varint     header count, then of each: varint key length, key (UTF-8),
 *                                  varint value length or -1 = null, value
 *
 * Base offset and leader epoch lie outside the CRC, so that a leader sets them in place without touching the rest: a
 * batch keeps its bytes from the producer through the socket and the disk to the consumer. Every integer that can
 * exceed 32 bits is a JavaScript number, from -(2^53-1) to 2^53-1; bytes outside that are corrupt.
 */
export const baseOffsetPosition = 0;
export const batchLengthPosition = 8;
export const leaderEpochPosition = 12;
export const magicPosition = 16;
export const crcPosition = 17;
export const attributesPosition = 21;
export const lastOffsetDeltaPosition = 23;
export const baseTimestampPosition = 27;
export const maxTimestampPosition = 35;
export const producerIdPosition = 43;
export const producerEpochPosition = 51;
export const baseSequencePosition = 53;
export const recordCountPosition = 57;
export const recordsPosition = 61;

/** Size of the header: an empty batch is exactly this long. */
export const batchHeaderBytes = recordsPosition;
/** What the batch length field does not count: itself and the base offset. */
export const batchLengthOverheadBytes = leaderEpochPosition;
/** The one magic we speak. */
export const batchMagic = 2;

export const compressionMask = 0b111;
export const logAppendTimeFlag = 1 << 3;
export const transactionalFlag = 1 << 4;
export const controlFlag = 1 << 5;
export const deleteHorizonFlag = 1 << 6;
export const knownAttributes =
  compressionMask | logAppendTimeFlag | transactionalFlag | controlFlag | deleteHorizonFlag;

/** A record of null key, null value and no headers: length, attributes, two deltas, two lengths and a count. */
export const minRecordBytes = 7;
/** The fields of one record without key, value and headers, at their longest. */
export const maxRecordOverheadBytes = 5 + 1 + 10 + 5 + 5 + 5 + 5;

/** The greatest int32: of record counts, lengths and sequences. */
export const maxInt32 = 0x7fff_ffff;

/** Timestamp of a record without one. */
export const noTimestampMs = -1;
/** The last moment that a `Date` can hold: later ones are mistakes, or attempts to pin data for ever. */
export const maxTimestampMs = 8_640_000_000_000_000;
