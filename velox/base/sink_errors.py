"""Which errors of a sink mean what: not now, not this one, not at all.

One table for each sink, by its plain numbers; `docs/errors.md` shows them to users. Of an error
that is in no table nobody knows whose fault it is: its batch is taken apart, and what fails alone
too is tried a few times more before it is refused.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """What a failed write says of its records."""

    NOT_NOW = "try again"
    NOT_THIS_ONE = "refuse this one"
    NOT_AT_ALL = "stop"


class Known(NamedTuple):
    """An error that is known: what it means, and what its sink calls it."""

    verdict: Verdict
    name: str


Table = Mapping[int, Known]


def verdict_of(table: Table, code: int | None) -> Verdict | None:
    """What an error means, None if it is of no known kind."""
    known = table.get(code) if code is not None else None
    return known.verdict if known is not None else None


def _all(verdict: Verdict, names: Mapping[int, str]) -> dict[int, Known]:
    return {code: Known(verdict, name) for code, name in names.items()}


# Codes of MongoDB's server (src/mongo/base/error_codes.yml), and the numbers of assertions, which
# have five digits: those were seen from a mongod 6.0.5, or stand in the source of older ones.
MONGO: Table = {
    **_all(
        Verdict.NOT_NOW,
        {
            6: "HostUnreachable",
            7: "HostNotFound",
            24: "LockTimeout",
            26: "NamespaceNotFound: dropped this moment",
            43: "CursorNotFound",
            46: "LockBusy",
            48: "NamespaceExists: created this moment by another",
            50: "MaxTimeMSExpired",
            63: "StaleShardVersion",
            64: "WriteConcernTimeout",
            70: "ShardNotFound",
            82: "NoProgressMade",
            83: "RemoteResultsUnavailable",
            89: "NetworkTimeout",
            91: "ShutdownInProgress",
            94: "NotYetInitialized",
            95: "NotSecondary",
            100: "UnsatisfiableWriteConcern: too few members are up",
            107: "LockFailed",
            109: "ConfigurationInProgress",
            112: "WriteConflict",
            117: "ConflictingOperationInProgress",
            133: "FailedToSatisfyReadPreference",
            134: "ReadConcernMajorityNotAvailableYet",
            145: "PooledConnectionsDropped",
            146: "ExceededMemoryLimit",
            149: "NoConfigPrimary",
            150: "StaleEpoch",
            175: "QueryPlanKilled",
            189: "PrimarySteppedDown",
            190: "MasterSlaveConnectionFailure",
            199: "ReplicaSetMonitorRemoved",
            202: "NetworkInterfaceExceededTimeLimit",
            203: "ShardingStateNotInitialized",
            208: "TooManyLocks",
            211: "KeyNotFound: the cluster's keys are not made yet",
            215: "DatabaseDropPending",
            216: "ElectionInProgress",
            234: "RetryChangeStream",
            246: "SnapshotUnavailable",
            249: "StaleDbVersion",
            250: "StaleChunkHistory",
            261: "TooManyLogicalSessions",
            262: "ExceededTimeLimit",
            264: "TooManyFilesOpen",
            267: "PreparedTransactionInProgress",
            272: "MigrationConflict",
            276: "IndexBuildAborted",
            279: "ClientDisconnect",
            285: "IndexBuildAlreadyInProgress",
            290: "TransactionExceededLifetimeLimitSeconds",
            303: "SplitHorizonChange",
            308: "CurrentConfigNotCommittedYet",
            317: "ConnectionPoolExpired",
            319: "MovePrimaryInProgress",
            338: "ReshardCollectionInProgress",
            342: "ReshardingCriticalSectionTimeout",
            343: "ShardCannotRefreshDueToLocksHeld",
            355: "InterruptedDueToStorageChange",
            358: "InternalTransactionNotSupported",
            365: "TemporarilyUnavailable",
            371: "UserWritesBlocked",
            384: "ConnectionError",
            391: "ReauthenticationRequired",
            402: "ResourceExhausted",
            406: "MigrationBlockingOperationCoordinatorCleaningUp",
            407: "PooledConnectionAcquisitionExceededTimeLimit",
            412: "UpdatesStillPending",
            414: "AddOrRemoveShardInProgress",
            433: "AdmissionQueueOverflow",
            449: "RateLimitExceeded",
            8000: "AtlasError: the quota of a hosted database, for one",
            9001: "SocketException",
            10058: "LegacyNotPrimary",
            10107: "NotWritablePrimary",
            11600: "InterruptedAtShutdown",
            11601: "Interrupted",
            11602: "InterruptedDueToReplStateChange",
            13388: "StaleConfig",
            13435: "NotPrimaryNoSecondaryOk",
            13436: "NotPrimaryOrSecondary",
            14031: "OutOfDiskSpace",
        },
    ),
    **_all(
        Verdict.NOT_THIS_ONE,
        {
            2: "BadValue: a document over 16 MiB, for one",
            9: "FailedToParse",
            14: "TypeMismatch",
            15: "Overflow",
            16: "InvalidLength",
            22: "InvalidBSON",
            28: "PathNotViable",
            52: "DollarPrefixedFieldName",
            53: "InvalidIdField",
            54: "NotSingleValueField",
            55: "InvalidDBRef",
            56: "EmptyFieldName",
            57: "DottedFieldName",
            111: "NotExactValueField",
            116: "DocTooLargeForCapped",
            121: "DocumentValidationFailure: the collection's validator",
            171: "CannotIndexParallelArrays",
            201: "CannotBuildIndexKeys",
            241: "ConversionFailure",
            357: "InvalidBSONType",
            378: "NonConformantBSON",
            10003: "CannotGrowDocumentInCappedNamespace",
            10334: "BSONObjectTooLarge",
            11000: "DuplicateKey: of another unique index than that of _id",
            13026: "a 2d index: not a place",
            13027: "a 2d index: a place out of its bounds",
            13068: "a 2d index: half a place",
            16755: "a 2dsphere index: not a place",
            16766: "a hashed index: an array",
            17261: "a text index: the language is no text",
            17262: "a text index: an unknown language",
            17280: "KeyTooLong",
            17419: "the document would be larger than 16 MiB after the update",
            17420: "the document to insert is larger than 16 MiB",
        },
    ),
    **_all(
        Verdict.NOT_AT_ALL,
        {
            11: "UserNotFound",
            13: "Unauthorized",
            18: "AuthenticationFailed",
            20: "IllegalOperation",
            59: "CommandNotFound",
            61: "ShardKeyNotFound: the collection is sharded by another key than _id",
            72: "InvalidOptions",
            73: "InvalidNamespace",
            79: "UnknownReplWriteConcern",
            101: "OutdatedClient",
            115: "CommandNotSupported",
            166: "CommandNotSupportedOnView",
            214: "AuthenticationRestrictionUnmet",
            227: "CannotImplicitlyCreateCollection",
            334: "MechanismUnavailable",
        },
    ),
}

# Result codes of SQLite (https://www.sqlite.org/rescode.html): an extended one, which has its
# primary one in its last eight bits, wins over that.
SQLITE: Table = {
    **_all(
        Verdict.NOT_NOW,
        {
            4: "SQLITE_ABORT",
            5: "SQLITE_BUSY",
            6: "SQLITE_LOCKED",
            7: "SQLITE_NOMEM",
            9: "SQLITE_INTERRUPT",
            10: "SQLITE_IOERR",
            13: "SQLITE_FULL",
            14: "SQLITE_CANTOPEN",
            15: "SQLITE_PROTOCOL",
            17: "SQLITE_SCHEMA",
        },
    ),
    **_all(
        Verdict.NOT_THIS_ONE,
        {
            18: "SQLITE_TOOBIG",
            19: "SQLITE_CONSTRAINT",
            20: "SQLITE_MISMATCH",
        },
    ),
    **_all(
        Verdict.NOT_AT_ALL,
        {
            1: "SQLITE_ERROR: another table of that name, or none",
            3: "SQLITE_PERM",
            8: "SQLITE_READONLY",
            11: "SQLITE_CORRUPT",
            22: "SQLITE_NOLFS",
            23: "SQLITE_AUTH",
            24: "SQLITE_FORMAT",
            26: "SQLITE_NOTADB",
        },
    ),
}

# Numbers of the operating system. No match waits for its image: its document goes without one.
FILES: Table = {
    **_all(
        Verdict.NOT_NOW,
        {
            errno.EPERM: "EPERM",
            errno.ENOENT: "ENOENT: the folder is gone",
            errno.EIO: "EIO",
            errno.EACCES: "EACCES",
            errno.ENOTDIR: "ENOTDIR",
            errno.ENFILE: "ENFILE",
            errno.EMFILE: "EMFILE",
            errno.ENOSPC: "ENOSPC",
            errno.EROFS: "EROFS",
            errno.ESTALE: "ESTALE",
            errno.EDQUOT: "EDQUOT",
        },
    ),
    **_all(
        Verdict.NOT_THIS_ONE,
        {
            errno.EISDIR: "EISDIR: a folder of that name",
            errno.EINVAL: "EINVAL: a name that the file system does not take",
            errno.EFBIG: "EFBIG",
            errno.ENAMETOOLONG: "ENAMETOOLONG",
            errno.EILSEQ: "EILSEQ: a name that the file system does not take",
        },
    ),
}

# Codes of Kafka's broker and, below 0, of its client, as a message's delivery report gives them.
# Read in librdkafka 2.15's src/rdkafka_request.c (rd_kafka_handle_Produce_error: what it tries
# again itself, and reports only after `retries` or `delivery.timeout.ms`) and in Apache Kafka's
# org/apache/kafka/common/protocol/Errors.java.
KAFKA: Table = {
    **_all(
        Verdict.NOT_NOW,
        {
            -197: "_DESTROY",
            -195: "_TRANSPORT",
            -194: "_CRIT_SYS_RESOURCE",
            -193: "_RESOLVE",
            -192: "_MSG_TIMED_OUT",
            -190: "_UNKNOWN_PARTITION: the topic was deleted, or made anew with fewer",
            -188: "_UNKNOWN_TOPIC: deleted",
            -187: "_ALL_BROKERS_DOWN",
            -185: "_TIMED_OUT",
            -184: "_QUEUE_FULL",
            -181: "_SSL",
            -180: "_WAIT_COORD",
            -169: "_AUTHENTICATION",
            -166: "_TIMED_OUT_QUEUE",
            -153: "_RETRY",
            -152: "_PURGE_QUEUE",
            -151: "_PURGE_INFLIGHT",
            -138: "_INVALID_DIFFERENT_RECORD: another message of its batch is to blame",
            -137: "_DESTROY_BROKER",
            3: "UNKNOWN_TOPIC_OR_PART: deleted, or not known everywhere yet",
            5: "LEADER_NOT_AVAILABLE",
            6: "NOT_LEADER_FOR_PARTITION",
            7: "REQUEST_TIMED_OUT",
            8: "BROKER_NOT_AVAILABLE",
            9: "REPLICA_NOT_AVAILABLE",
            13: "NETWORK_EXCEPTION",
            14: "COORDINATOR_LOAD_IN_PROGRESS",
            15: "COORDINATOR_NOT_AVAILABLE",
            16: "NOT_COORDINATOR",
            19: "NOT_ENOUGH_REPLICAS",
            20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            41: "NOT_CONTROLLER",
            45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
            46: "DUPLICATE_SEQUENCE_NUMBER",
            47: "INVALID_PRODUCER_EPOCH",
            49: "INVALID_PRODUCER_ID_MAPPING",
            56: "KAFKA_STORAGE_ERROR",
            59: "UNKNOWN_PRODUCER_ID",
            74: "FENCED_LEADER_EPOCH",
            75: "UNKNOWN_LEADER_EPOCH",
            89: "THROTTLING_QUOTA_EXCEEDED",
            100: "UNKNOWN_TOPIC_ID",
            103: "INCONSISTENT_TOPIC_ID",
        },
    ),
    **_all(
        Verdict.NOT_THIS_ONE,
        {
            2: "INVALID_MSG: before Kafka 2.4 also what INVALID_RECORD says",
            10: "MSG_SIZE_TOO_LARGE: for the topic's max.message.bytes",
            18: "RECORD_LIST_TOO_LARGE: for the topic's segment.bytes",
            32: "INVALID_TIMESTAMP",
            44: "POLICY_VIOLATION",
            87: "INVALID_RECORD: without a key on a compacted topic, for one",
        },
    ),
    **_all(
        Verdict.NOT_AT_ALL,
        {
            -172: "_STATE",
            -165: "_UNSUPPORTED_FEATURE",
            -150: "_FATAL",
            -149: "_INCONSISTENT",
            -148: "_GAPLESS_GUARANTEE",
            -144: "_FENCED",
            17: "TOPIC_EXCEPTION: its name is not allowed",
            21: "INVALID_REQUIRED_ACKS",
            29: "TOPIC_AUTHORIZATION_FAILED",
            31: "CLUSTER_AUTHORIZATION_FAILED",
            35: "UNSUPPORTED_VERSION",
            43: "UNSUPPORTED_FOR_MESSAGE_FORMAT: headers, where the topic's is older than 0.11",
            53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
            76: "UNSUPPORTED_COMPRESSION_TYPE",
            90: "PRODUCER_FENCED",
        },
    ),
}
