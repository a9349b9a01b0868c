/**
 * WriteTxnMarkers: a coordinator tells how transactions ended; answered when the markers are committed. One that is there
 * already counts, once it is committed.
 *
 * In a partition of groups there is no marker to write: the group coordinator is told, and ends what is pending there.
 */
import { type Clock, errorMessage, type MillraceError } from '@millrace/base';
import {
  noError,
  protocolError,
  type WireError,
  writeTxnMarkersApi,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponse,
} from '@millrace/protocol';
import { encodeTransactionMarker } from '@millrace/record';
import type { BrokerServices } from '../broker-services.js';
import type { Partition } from '../partition/partition.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { PendingProduce } from '../waiting/pending-produce.js';
import { entryError } from './entry-error.js';

type Marker = WriteTxnMarkersRequest['markers'][number];
type Place = Marker['partitions'][number];
type Result = WriteTxnMarkersResponse['markers'][number]['partitions'][number];

/** What is appended and not committed by then is asked for again. */
const maxMarkerWaitMs = 2000;

export function writeTxnMarkersHandler(services: BrokerServices): AnyHandler {
  return handlerOf(writeTxnMarkersApi, async (request) => ({ body: await writeMarkers(services, request) }));
}

/** For a coordinator on this node too. */
export async function writeMarkers(
  services: BrokerServices,
  request: WriteTxnMarkersRequest,
): Promise<WriteTxnMarkersResponse> {
  const markers = await Promise.all(
    request.markers.map(async (marker) => ({
      producerId: marker.producerId,
      partitions: await Promise.all(marker.partitions.map((place) => writeMarker(services, marker, place))),
    })),
  );
  return { markers };
}

async function writeMarker(services: BrokerServices, marker: Marker, place: Place): Promise<Result> {
  const { topicId, partition: index } = place;
  let result: WireError = noError;
  try {
    const partition = services.partitions.leader(topicId, index, -1);
    if (services.mayBeReplaced()) partition.requireNoOtherLeader();
    if (partition.topicName === services.settings.groups.topic.name) {
      const { producerId, producerEpoch, coordinatorEpoch, committed: isCommitted } = marker;
      await services.groups.endTransaction(index, { producerId, producerEpoch, coordinatorEpoch, isCommitted });
    } else {
      partition.requireMinInSync();
      await committed(services, partition, append(services, partition, marker));
    }
  } catch (error) {
    result = entryError(services, writeTxnMarkersApi, error);
  }
  return { topicId, partition: index, ...result };
}

/** Returns the offset of the marker, new or old. */
function append({ clock }: { readonly clock: Clock }, partition: Partition, marker: Marker): number {
  const { producerId, producerEpoch, coordinatorEpoch, committed: isCommitted } = marker;
  const batch = encodeTransactionMarker({
    kind: isCommitted ? 'commit' : 'abort',
    coordinatorEpoch,
    producerId,
    producerEpoch,
    timestampMs: clock.wallMs(),
  });
  return partition.appendMarker(batch).lastOffset;
}

function committed(services: BrokerServices, partition: Partition, lastOffset: number): Promise<void> {
  if (partition.isCommitted(lastOffset, -1)) return Promise.resolve();
  services.produceDeadlines.requireRoom();
  return new Promise((resolve, reject) => {
    let failure: MillraceError | undefined;
    const pending = new PendingProduce({
      deadlines: services.produceDeadlines,
      onEntryFailed: (_entry, error) => {
        failure = error;
      },
      onDone: () => {
        if (failure === undefined) resolve();
        else reject(protocolError(failure.code, errorMessage(failure), failure));
      },
    });
    pending.waitFor(0, partition, { lastOffset, acks: -1 });
    pending.start(maxMarkerWaitMs);
  });
}
