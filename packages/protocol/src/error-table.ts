/**
 * Every error that can travel in a reply: number, name, whether a retry can help, and what it means.
 *
 * Numbers below 1000 are Kafka's, with Kafka's name and meaning; ours start at 1000. A number is never used again for
 * something else. Plain data: the documentation is generated from it.
 */
export interface ErrorDefinition {
  readonly number: number;
  readonly name: string;
  /** The same request may succeed later, perhaps at another node after a metadata refresh. */
  readonly retriable: boolean;
  readonly text: string;
}

function define(number: number, name: string, retry: 'retriable' | 'final', text: string): ErrorDefinition {
  return { number, name, retriable: retry === 'retriable', text };
}

export const errorTable: readonly ErrorDefinition[] = [
  define(-1, 'UNKNOWN_SERVER_ERROR', 'final', 'The server met an error that it did not expect; its log says more.'),
  define(1, 'OFFSET_OUT_OF_RANGE', 'final', 'The offset is before the start or after the end of the partition.'),
  define(2, 'CORRUPT_MESSAGE', 'retriable', 'A record batch failed its checksum or its lengths and counts disagree.'),
  define(3, 'UNKNOWN_TOPIC_OR_PARTITION', 'retriable', 'The node does not know this topic or partition (yet).'),
  define(4, 'INVALID_FETCH_SIZE', 'final', 'The fetch asks for an impossible amount of bytes.'),
  define(5, 'LEADER_NOT_AVAILABLE', 'retriable', 'The partition has no leader at the moment.'),
  define(6, 'NOT_LEADER_OR_FOLLOWER', 'retriable', 'The node does not lead this partition: refresh the metadata.'),
  define(7, 'REQUEST_TIMED_OUT', 'retriable', 'The request was not finished in the time it was given.'),
  define(8, 'BROKER_NOT_AVAILABLE', 'retriable', 'The broker cannot be reached.'),
  define(9, 'REPLICA_NOT_AVAILABLE', 'retriable', 'The replica is not available at this node.'),
  define(10, 'MESSAGE_TOO_LARGE', 'final', 'The record batch is larger than max.message.bytes of the topic.'),
  define(12, 'OFFSET_METADATA_TOO_LARGE', 'final', 'The text with a committed offset is longer than allowed.'),
  define(13, 'NETWORK_EXCEPTION', 'retriable', 'The connection broke before the reply came.'),
  define(14, 'COORDINATOR_LOAD_IN_PROGRESS', 'retriable', 'The coordinator is still loading its state.'),
  define(15, 'COORDINATOR_NOT_AVAILABLE', 'retriable', 'There is no coordinator at the moment.'),
  define(16, 'NOT_COORDINATOR', 'retriable', 'The node is not the coordinator: look it up again.'),
  define(17, 'INVALID_TOPIC_EXCEPTION', 'final', 'The topic name breaks the rule, or the topic cannot be used so.'),
  define(18, 'RECORD_LIST_TOO_LARGE', 'final', 'The record batch is larger than a segment of the log may be.'),
  define(19, 'NOT_ENOUGH_REPLICAS', 'retriable', 'Fewer replicas are in sync than min.insync.replicas asks for.'),
  define(
    20,
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'retriable',
    'The records were written, but fewer replicas than min.insync.replicas have them.',
  ),
  define(21, 'INVALID_REQUIRED_ACKS', 'final', 'acks must be -1 (all), 0 or 1.'),
  define(24, 'INVALID_GROUP_ID', 'final', 'The group id is empty or not possible.'),
  define(25, 'UNKNOWN_MEMBER_ID', 'final', 'The group has no such member: it left, or was silent for too long.'),
  define(
    28,
    'INVALID_COMMIT_OFFSET_SIZE',
    'final',
    'The offsets of one commit, with their texts, are too large together.',
  ),
  define(29, 'TOPIC_AUTHORIZATION_FAILED', 'final', 'Not allowed to use this topic.'),
  define(31, 'CLUSTER_AUTHORIZATION_FAILED', 'final', 'Not allowed to do this in the cluster.'),
  define(32, 'INVALID_TIMESTAMP', 'final', 'A record’s timestamp is too far from the time of the broker.'),
  define(35, 'UNSUPPORTED_VERSION', 'final', 'The two sides have no version of this API in common.'),
  define(36, 'TOPIC_ALREADY_EXISTS', 'final', 'There is a topic of this name already.'),
  define(37, 'INVALID_PARTITIONS', 'final', 'The number of partitions is not possible.'),
  define(
    38,
    'INVALID_REPLICATION_FACTOR',
    'final',
    'The replication factor is below 1 or above the number of brokers.',
  ),
  define(39, 'INVALID_REPLICA_ASSIGNMENT', 'final', 'The replicas named for a partition are not possible.'),
  define(40, 'INVALID_CONFIG', 'final', 'A setting is unknown or its value is not allowed.'),
  define(41, 'NOT_CONTROLLER', 'retriable', 'The node is not the controller: ask for the metadata again.'),
  define(42, 'INVALID_REQUEST', 'final', 'The request is malformed or contradicts itself.'),
  define(44, 'POLICY_VIOLATION', 'final', 'The request breaks a policy of the cluster.'),
  define(45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'final', 'A batch of this producer is missing before this one.'),
  define(46, 'DUPLICATE_SEQUENCE_NUMBER', 'final', 'This batch was written before.'),
  define(47, 'INVALID_PRODUCER_EPOCH', 'final', 'A newer producer with the same id exists.'),
  define(48, 'INVALID_TXN_STATE', 'final', 'The transaction is not in a state that allows this.'),
  define(49, 'INVALID_PRODUCER_ID_MAPPING', 'final', 'The producer id does not belong to this transactional id.'),
  define(50, 'INVALID_TRANSACTION_TIMEOUT', 'final', 'The transaction timeout is longer than the broker allows.'),
  define(51, 'CONCURRENT_TRANSACTIONS', 'retriable', 'The producer’s last transaction is still being finished.'),
  define(52, 'TRANSACTION_COORDINATOR_FENCED', 'final', 'Another coordinator has taken over the transactional id.'),
  define(55, 'OPERATION_NOT_ATTEMPTED', 'final', 'Another part of the request failed, so this one was not tried.'),
  define(56, 'KAFKA_STORAGE_ERROR', 'retriable', 'The log of the partition cannot be read or written at this node.'),
  define(
    59,
    'UNKNOWN_PRODUCER_ID',
    'final',
    'The broker knows no such producer: its records are gone or it never wrote.',
  ),
  define(60, 'REASSIGNMENT_IN_PROGRESS', 'final', 'The partition is being moved.'),
  define(68, 'NON_EMPTY_GROUP', 'final', 'The group has members, and must have none for this.'),
  define(69, 'GROUP_ID_NOT_FOUND', 'final', 'There is no group of this id.'),
  define(74, 'FENCED_LEADER_EPOCH', 'retriable', 'The leader epoch in the request is older than the broker’s.'),
  define(75, 'UNKNOWN_LEADER_EPOCH', 'retriable', 'The leader epoch in the request is newer than the broker’s.'),
  define(76, 'UNSUPPORTED_COMPRESSION_TYPE', 'final', 'The compression of the batch is not supported.'),
  define(77, 'STALE_BROKER_EPOCH', 'final', 'The broker has registered again since.'),
  define(78, 'OFFSET_NOT_AVAILABLE', 'retriable', 'A new leader does not know yet how far it may let readers read.'),
  define(80, 'PREFERRED_LEADER_NOT_AVAILABLE', 'retriable', 'The preferred leader is not alive or not in sync.'),
  define(81, 'GROUP_MAX_SIZE_REACHED', 'final', 'The group has as many members as it may have.'),
  define(82, 'FENCED_INSTANCE_ID', 'final', 'Another member has taken over this instance id.'),
  define(83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', 'retriable', 'No replica that may lead is alive.'),
  define(84, 'ELECTION_NOT_NEEDED', 'final', 'The partition has the wanted leader already.'),
  define(85, 'NO_REASSIGNMENT_IN_PROGRESS', 'final', 'The partition is not being moved.'),
  define(86, 'GROUP_SUBSCRIBED_TO_TOPIC', 'final', 'A member of the group is subscribed to the topic.'),
  define(87, 'INVALID_RECORD', 'final', 'A record was refused: it breaks the format or a rule of the topic.'),
  define(88, 'UNSTABLE_OFFSET_COMMIT', 'retriable', 'Offsets of an open transaction: ask again later.'),
  define(89, 'THROTTLING_QUOTA_EXCEEDED', 'retriable', 'Too many requests: ask again later.'),
  define(90, 'PRODUCER_FENCED', 'final', 'A newer producer with the same transactional id exists.'),
  define(94, 'INCONSISTENT_VOTER_SET', 'final', 'The peer is configured with other voters.'),
  define(95, 'INVALID_UPDATE_VERSION', 'retriable', 'Another change came first: read the state again.'),
  define(100, 'UNKNOWN_TOPIC_ID', 'retriable', 'The node does not know a topic of this id (yet).'),
  // Kafka calls it final, and its brokers try again all the same: the session of a process that died ends by itself.
  define(101, 'DUPLICATE_BROKER_REGISTRATION', 'retriable', 'Another live process has registered with this node id.'),
  define(102, 'BROKER_ID_NOT_REGISTERED', 'final', 'No broker of this node id is registered.'),
  define(103, 'INCONSISTENT_TOPIC_ID', 'retriable', 'The id belongs to another topic than the log on disk.'),
  define(104, 'INCONSISTENT_CLUSTER_ID', 'final', 'The peer belongs to another cluster.'),
  define(105, 'TRANSACTIONAL_ID_NOT_FOUND', 'final', 'The coordinator knows no such transactional id.'),
  define(
    107,
    'INELIGIBLE_REPLICA',
    'final',
    'A replica of the new in-sync set is fenced, stopping or registered anew.',
  ),
  define(108, 'NEW_LEADER_ELECTED', 'final', 'The change was made, and the sender does not lead any more.'),
  define(110, 'FENCED_MEMBER_EPOCH', 'final', 'The coordinator has put this member out: it is to join again.'),
  define(111, 'UNRELEASED_INSTANCE_ID', 'final', 'A member that is still alive has this instance id.'),
  define(112, 'UNSUPPORTED_ASSIGNOR', 'final', 'The broker has no assignor of this name.'),
  define(113, 'STALE_MEMBER_EPOCH', 'final', 'The member epoch is over: ask for the newest and try again.'),
  define(120, 'TRANSACTION_ABORTABLE', 'final', 'The transaction can only be aborted; the next one may succeed.'),
  define(
    125,
    'INVALID_VOTER_KEY',
    'final',
    'A voter of this id has another directory: this one was emptied or swapped.',
  ),
  define(126, 'DUPLICATE_VOTER', 'final', 'The node votes already.'),
  define(127, 'VOTER_NOT_FOUND', 'final', 'No voter has this id and directory.'),
  define(128, 'INVALID_REGULAR_EXPRESSION', 'final', 'The pattern of topic names cannot be used.'),
  define(1000, 'LOG_DISK_FULL', 'retriable', 'The disk is full: nothing was written; free space and it goes on.'),
  define(1001, 'BROKER_SHUTTING_DOWN', 'retriable', 'The broker is stopping and takes no new requests.'),
  define(1002, 'FRAME_TOO_LARGE', 'final', 'A frame is longer than the limit of the connection.'),
  define(1003, 'INVALID_FRAME', 'final', 'Bytes that are no frame of this protocol; the connection is closed.'),
  define(1004, 'WRONG_PROTOCOL', 'final', 'The peer speaks another protocol (HTTP, TLS, ...).'),
  define(1005, 'INVALID_RESPONSE', 'final', 'A node sent a reply that breaks the protocol.'),
  define(1006, 'DECOMPRESSED_TOO_LARGE', 'final', 'A batch decompresses to more bytes than the limit allows.'),
  define(1007, 'TOO_MANY_CONNECTIONS', 'retriable', 'The node accepts no more connections at the moment.'),
  define(1008, 'CONNECTION_CLOSED', 'final', 'The connection or client was closed by this program.'),
  define(1009, 'HELLO_REQUIRED', 'final', 'The first frame on a connection must be Hello, and only the first.'),
  define(1010, 'REQUEST_QUEUE_FULL', 'retriable', 'Too many requests wait for their turn on this connection.'),
  define(1011, 'CORRUPT_SNAPSHOT', 'final', 'A snapshot on disk or from another node fails its checks.'),
  define(
    1012,
    'COMMIT_GOES_BACK',
    'final',
    'The offset is lower than the one committed before, and no rewind was allowed.',
  ),
  define(
    1013,
    'VOTER_CHANGE_IN_PROGRESS',
    'retriable',
    'Another change of the voters, or of their leader, is not finished.',
  ),
];

const byName: ReadonlyMap<string, ErrorDefinition> = new Map(errorTable.map((entry) => [entry.name, entry]));
const byNumber: ReadonlyMap<number, ErrorDefinition> = new Map(errorTable.map((entry) => [entry.number, entry]));

export function errorByName(name: string): ErrorDefinition | undefined {
  return byName.get(name);
}

export function errorByNumber(number: number): ErrorDefinition | undefined {
  return byNumber.get(number);
}
