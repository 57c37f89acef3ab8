import json

from velox.consumer.polling.stable_offsets import StableOffsets


def statistics(**partitions: int) -> str:
    """As the client tells them: partition -1 is that of records without one."""
    found = {name.strip("_"): {"ls_offset": offset} for name, offset in partitions.items()}
    found["-1"] = {"ls_offset": -1001}
    return json.dumps({"name": "c", "topics": {"img": {"topic": "img", "partitions": found}}})


def test_the_end_is_the_last_stable_offset() -> None:
    stable = StableOffsets("img")
    stable.on_statistics(statistics(_0=8, _1=0))
    assert (stable.end(0, 13), stable.end(1, 13)) == (8, 0)


def test_until_it_is_known_the_high_watermark_stands_for_it() -> None:
    stable = StableOffsets("img")
    assert stable.end(0, 13) == 13
    stable.on_statistics(json.dumps({"topics": {}}))
    assert stable.end(0, 13) == 13
    stable.on_statistics(statistics(_0=-1001))
    assert stable.end(0, 13) == 13
