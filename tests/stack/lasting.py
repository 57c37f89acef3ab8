"""The later promises: the stack grows, survives, restarts and keeps what it has."""

from __future__ import annotations

import re

from tests.stack import observe
from tests.stack.compose import Stack, exit_codes, inspect, kill_9, memory_mib
from tests.stack.report import say, wait

TOPIC = "faults"
# Every record becomes a document, so that the documents can be compared with the log.
ALL_MATCH = {
    "CONFIDENCE_THRESHOLD": "0",
    "KAFKA_TOPIC": TOPIC,
    "PRODUCER_INTERVAL": "0.05",
    "IMG_HEIGHT": "128",
    "IMG_WIDTH": "128",
}
CONSUMERS = 3
ROOM = 0.9
DONE = re.compile(r" done sent=\d+ acknowledged=(\d+) ")


def shares(stack: Stack) -> None:
    """Three targets, each with partitions of its own."""
    stack.environment.update(ALL_MATCH)
    stack.compose("up", "--detach", "--wait", "--scale", f"consumer={CONSUMERS}")
    three_up = f'count(up{{job="velox"}} == 1) == {CONSUMERS}'
    wait(lambda: observe.value(three_up), "three consumers are up")
    three_busy = f"count(count by (pod) (velox_consumer_lag_records)) == {CONSUMERS}"
    wait(lambda: observe.value(three_busy), "three consumers have partitions")
    wait(lambda: observe.stored_positions(TOPIC), "documents of the new topic")


def survives(stack: Stack) -> None:
    """Broker, database and each consumer die one after the other; then log and documents agree."""
    services = ["kafka", "mongo", "consumer"]
    for container in [each for service in services for each in stack.containers(service)]:
        crash(container)
        progress(f"documents after the death of {container}")
    compare(stack)


def crash(container: str) -> None:
    """Kill a container's process, and see the engine start it again and find it healthy."""
    before = inspect(container)["RestartCount"]
    kill_9(container)
    wait(lambda: inspect(container)["RestartCount"] > before, "the engine starts it again")
    wait(lambda: inspect(container)["State"]["Health"]["Status"] == "healthy", "healthy again")


def progress(what: str) -> None:
    """Wait until more documents are there than now."""
    before = observe.documents()
    wait(lambda: observe.documents() > before, what)


def compare(stack: Stack) -> None:
    """End the load; then every record of the log is one document, and there are no others."""
    stack.compose("stop", "producer")
    (producer,) = stack.containers("producer")
    assert inspect(producer)["State"]["ExitCode"] == 0, "an image was not acknowledged"
    appended = observe.log_positions(TOPIC)
    acknowledged = sum(map(int, DONE.findall(stack.logs("producer"))))
    assert len(appended) == acknowledged, "the log is not what was acknowledged"
    wait(lambda: observe.stored_positions(TOPIC).keys() >= appended, "every record is stored")
    stored = observe.stored_positions(TOPIC)
    assert stored.keys() == appended
    assert set(stored.values()) == {1}
    say(f"acknowledged={acknowledged} records={len(appended)} lost=0 doubled=0")


def restarts(stack: Stack) -> None:
    """A restart ends every consumer with 0, and no record is classified twice."""
    with observe.rewrites() as watched:
        stack.compose("start", "producer")
        ready = f"sum(velox_ready) == {CONSUMERS}"
        wait(lambda: observe.value(ready), "all consumers are at work again")
        progress("documents under load")
        with exit_codes("consumer", CONSUMERS) as codes:
            stack.compose("restart", "consumer")
        assert codes == [0] * CONSUMERS, f"exit codes of the consumers: {codes}"
        progress("documents after the restart")
        compare(stack)
    assert len(watched.seen) == observe.documents(), "the watch does not see all documents"
    assert not watched.changed, f"records were done again: {sorted(watched.changed)[:5]}"


def keeps(stack: Stack) -> None:
    """Documents and checkpoint outlive the containers."""
    documents, model = observe.documents(), checkpoint(stack)
    stack.compose("down")
    stack.compose("up", "--detach", "--wait")
    assert checkpoint(stack) == model
    assert observe.documents() >= documents
    wait(lambda: observe.documents() > documents, "new documents")


def fits(stack: Stack) -> None:
    """No container was ended for its memory, and each has room below its limit."""
    for container in stack.containers():
        state = inspect(container)
        assert not state["State"]["OOMKilled"], state["Name"]
        used, limit = memory_mib(container)
        if used:
            service = state["Config"]["Labels"]["com.docker.compose.service"]
            say(f"memory service={service} used_mib={used} limit_mib={limit}")
            assert used < ROOM * limit, service


def checkpoint(stack: Stack) -> str:
    """Digest and time of the checkpoint; another training would change the time."""
    script = "sha256sum /models/model.pth && stat --format=%Y /models/model.pth"
    return stack.compose("exec", "-T", "--index=1", "consumer", "bash", "-c", script)
