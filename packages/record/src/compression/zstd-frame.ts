/**
 * Walks zstd frames without decompressing: where each ends and how long its content can be (RFC 8878). Little endian.
 *
 *     4        magic 28 B5 2F FD
 *     1        descriptor: content size field (bits 7-6), single segment 5, unused 4, reserved 3, checksum 2,
 *              dictionary id field 1-0
 *     0 / 1    window: exponent (bits 7-3), mantissa 2-0; absent in a single segment, whose window is its content
 *     0-4      dictionary id
 *     0-8      content size
 *     blocks   3: last (bit 0), type 2-1 (raw, one byte repeated, compressed), size 23-3; then the data
 *     0 / 4    checksum
 *
 * Frames follow each other; skippable frames (magic 5x 2A 4D 18, 4 length) hold no content. Kafka's Java client writes
 * one frame without a content size.
 */
import { corruptMessage } from '../corrupt-message.js';

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
/** No block makes more than this, whatever the window. */
const maxBlockContentBytes = 128 * 1024;
/** zstd's own default: a decoder that is not told otherwise takes windows up to 128 MiB. */
const maxWindowLog = 27;

const blockRepeated = 1;
const blockCompressed = 2;

export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  /** The content is no longer than this. */
  readonly boundBytes: number;
  /** The content has exactly `boundBytes`, or decompressing it fails. */
  readonly isExact: boolean;
}

export function zstdFrames(bytes: Uint8Array): ZstdFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: ZstdFrame[] = [];
  let position = 0;
  while (position < bytes.length) {
    need(bytes, position, 5);
    const magic = view.getUint32(position, true);
    if ((magic & ~0xf) === skippableMagic) {
      need(bytes, position, 8);
      const length = view.getUint32(position + 4, true);
      need(bytes, position + 8, length);
      position += 8 + length;
      continue;
    }
    if (magic !== frameMagic) throw corruptMessage('the zstd data does not start with a frame');
    const frame = walkFrame(bytes, view, position);
    frames.push(frame);
    position = frame.end;
  }
  return frames;
}

function walkFrame(bytes: Uint8Array, view: DataView, start: number): ZstdFrame {
  const descriptor = bytes[start + 4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw corruptMessage('the zstd frame sets a reserved bit');
  if ((descriptor & 0x03) !== 0) throw corruptMessage('the zstd frame needs a dictionary');

  let position = start + 5;
  if (!isSingleSegment) {
    need(bytes, position, 1);
    if (10 + (bytes[position++]! >>> 3) > maxWindowLog) throw corruptMessage('the zstd frame asks for a huge window');
  }
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  need(bytes, position, contentSizeBytes);
  const contentBytes = contentSize(view, position, contentSizeBytes);
  position += contentSizeBytes;

  let boundBytes = 0;
  let isExact = true;
  for (let isLast = false; !isLast;) {
    need(bytes, position, 3);
    const block = view.getUint16(position, true) | (bytes[position + 2]! << 16);
    position += 3;
    isLast = (block & 1) === 1;
    const type = (block >>> 1) & 3;
    const size = block >>> 3;
    if (type > blockCompressed || size > maxBlockContentBytes) throw corruptMessage('a zstd block is malformed');
    const dataBytes = type === blockRepeated ? 1 : size;
    need(bytes, position, dataBytes);
    position += dataBytes;
    if (type === blockCompressed) isExact = false;
    boundBytes += type === blockCompressed ? maxBlockContentBytes : size;
  }
  const checksumBytes = (descriptor & 0x04) !== 0 ? 4 : 0;
  need(bytes, position, checksumBytes);
  // A declared size above what the blocks can make is a lie, and below it is what the codec will hold it to.
  if (contentBytes !== undefined && contentBytes > boundBytes) {
    throw corruptMessage('the zstd frame declares more than its blocks can hold');
  }
  const end = position + checksumBytes;
  if (contentBytes !== undefined) return { start, end, boundBytes: contentBytes, isExact: true };
  return { start, end, boundBytes, isExact };
}

function contentSize(view: DataView, position: number, sizeBytes: number): number | undefined {
  switch (sizeBytes) {
    case 1:
      return view.getUint8(position);
    case 2:
      return view.getUint16(position, true) + 256;
    case 4:
      return view.getUint32(position, true);
    case 8:
      return view.getUint32(position + 4, true) * 0x1_0000_0000 + view.getUint32(position, true);
    default:
      return undefined;
  }
}

function need(bytes: Uint8Array, position: number, length: number): void {
  if (length > bytes.length - position) throw corruptMessage('the zstd data is cut off');
}
