"""What each error of a delivery report means."""

from __future__ import annotations

from velox.base.sink_errors import Table, Verdict, known_as

# Codes of Kafka's broker and, below 0, of its client, as a message's delivery report gives them.
# Read in librdkafka 2.15's src/rdkafka_request.c (rd_kafka_handle_Produce_error: what it tries
# again itself, and reports only after `retries` or `delivery.timeout.ms`) and in Apache Kafka's
# org/apache/kafka/common/protocol/Errors.java.
KAFKA: Table = {
    **known_as(
        Verdict.NOT_NOW,
        {
            -197: "_DESTROY",
            -195: "_TRANSPORT",
            -194: "_CRIT_SYS_RESOURCE",
            -193: "_RESOLVE",
            -192: "_MSG_TIMED_OUT",
            -190: "_UNKNOWN_PARTITION: the topic was deleted, or created again with fewer",
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
    **known_as(
        Verdict.NOT_THIS_ONE,
        {
            2: "INVALID_MSG: Kafka before 2.4 also says this for INVALID_RECORD",
            10: "MSG_SIZE_TOO_LARGE: for the topic's max.message.bytes",
            18: "RECORD_LIST_TOO_LARGE: for the topic's segment.bytes",
            32: "INVALID_TIMESTAMP",
            44: "POLICY_VIOLATION",
            87: "INVALID_RECORD: for example without a key on a compacted topic",
        },
    ),
    **known_as(
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
            43: "UNSUPPORTED_FOR_MESSAGE_FORMAT: headers need message.format.version 0.11",
            53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
            76: "UNSUPPORTED_COMPRESSION_TYPE",
            90: "PRODUCER_FENCED",
        },
    ),
}
