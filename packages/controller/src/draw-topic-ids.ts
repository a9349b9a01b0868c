import { type RandomStream, topicIdFromBytes } from '@millrace/base';

export function drawTopicIds(stream: RandomStream, count: number): string[] {
  return Array.from({ length: count }, () => {
    let topicId: string;
    // An id that begins with a dash would look like a flag on a command line.
    do topicId = topicIdFromBytes(stream.bytes(16));
    while (topicId.startsWith('-'));
    return topicId;
  });
}
