"""The engine on ONNX Runtime answers as the plain model does; integers are judged as ever."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.unit.models.engine.networks import images, reference, telling, with_samples
from velox.base.errors import EngineOutOfMemory
from velox.models import labels
from velox.models.checkpoint import Checkpoint
from velox.models.description import digest
from velox.models.engine import graphs as module
from velox.models.engine.check import Refused
from velox.models.engine.graphs import Graphs, packed, unpacked
from velox.models.engine.kept import Kept
from velox.models.samples import NO_SAMPLES, Samples

if TYPE_CHECKING:
    from velox.models.engine.onnx_engine import OnnxEngine

NEEDS = "needs the packages of requirements-onnx.txt"
export = pytest.importorskip("velox.models.engine.export", reason=NEEDS)
onnx_choice = pytest.importorskip("velox.models.engine.onnx_choice", reason=NEEDS)
onnx_engine = pytest.importorskip("velox.models.engine.onnx_engine", reason=NEEDS)

needs_int8 = pytest.mark.skipif(
    not onnx_choice.has_byte_products(),
    reason="needs a CPU with instructions for 8-bit integers",
)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return with_samples(telling("resnet18", passes=1))


@pytest.fixture(scope="module")
def graphs(checkpoint: Checkpoint) -> Graphs:
    made: Graphs = export.graphs_of(checkpoint)
    return made


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to give up."""
    monkeypatch.setattr(onnx_choice, "_AUTO_CHECK_SECONDS", 300)


def opened(graphs: Graphs, precision: str, **more: Any) -> OnnxEngine:
    # The network is surer than that of all its samples, in whatever precision.
    thresholds = [0.5] * len(graphs.labels)
    made: OnnxEngine = onnx_engine.OnnxEngine(
        graphs, precision=precision, batch_size=2, thresholds=thresholds, **more
    )
    return made


@pytest.fixture(scope="module")
def engines(graphs: Graphs) -> Iterator[dict[str, OnnxEngine]]:
    made = {precision: opened(graphs, precision) for precision in ("fp32", "int8")}
    yield made
    for each in made.values():
        each.close()


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-3), pytest.param("int8", 0.2, marks=needs_int8)]
)
@pytest.mark.parametrize("count", [1, 5, 32])
def test_each_precision_is_within_its_tolerance(
    engines: dict[str, OnnxEngine],
    checkpoint: Checkpoint,
    precision: str,
    tolerance: float,
    count: int,
) -> None:
    engine = engines[precision]
    assert engine.precision == precision
    indices, confidences = engine.predict(images(count)).best
    assert (indices.dtype, confidences.dtype) == (np.dtype("int64"), np.dtype("float32"))
    expected = reference(checkpoint, images(count)).numpy()
    chosen = np.take_along_axis(expected, indices[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(confidences, chosen, atol=tolerance)
    if precision == "fp32":
        assert indices.tolist() == expected.argmax(axis=1).tolist()


def test_the_advice_of_tools_stays_out_of_the_log(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    export.graphs_of(checkpoint)
    assert [record for record in caplog.records if record.name == "root"] == []
    logging.getLogger().warning("said afterwards")
    assert "said afterwards" in caplog.text


@needs_int8
def test_the_integers_are_not_float32_by_another_name(engines: dict[str, OnnxEngine]) -> None:
    narrow, full = (engines[each].predict(images(8)).confidences for each in ("int8", "fp32"))
    assert np.abs(narrow - full).max() > 1e-5


def test_it_says_what_it_runs(engines: dict[str, OnnxEngine], checkpoint: Checkpoint) -> None:
    engine = engines["fp32"]
    assert (engine.labels, engine.input_size) == (checkpoint.labels, checkpoint.input_size)
    assert (engine.digest, engine.architecture) == (checkpoint.digest, checkpoint.architecture)
    assert (engine.device, engine.memory(), engine.top) == ("cpu", {}, 1)


def test_a_view_that_is_not_contiguous_is_read_right(engines: dict[str, OnnxEngine]) -> None:
    mirrored = images(4)[:, :, :, ::-1]
    found, expected = (engines["fp32"].predict(each) for each in (mirrored, mirrored.copy()))
    np.testing.assert_array_equal(found.confidences, expected.confidences)


def test_each_image_has_as_many_labels_as_are_wanted(
    graphs: Graphs, checkpoint: Checkpoint
) -> None:
    engine = opened(graphs, "fp32", top=9)
    found = engine.predict(images(5))
    probabilities, indices = reference(checkpoint, images(5)).sort(dim=1, descending=True)
    assert found.indices.tolist() == indices.tolist()
    np.testing.assert_allclose(found.confidences, probabilities.numpy(), atol=1e-3)
    engine.close()
    with pytest.raises(RuntimeError, match="the engine is closed"):
        engine.predict(images(1))


@needs_int8
@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_integers_that_decide_otherwise_are_refused(
    graphs: Graphs,
    checkpoint: Checkpoint,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    precision: str,
) -> None:
    weights = dict(checkpoint.state_dict)
    weights["fc.weight"] = -weights["fc.weight"]
    other = export.graphs_of(replace(checkpoint, state_dict=weights))
    mixed, kept = replace(graphs, int8=other.int8), Kept(tmp_path / "model.pth")
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            engine = opened(mixed, precision, kept=kept)
            assert engine.precision == "fp32"
            engine.close()
    assert caplog.text.count("precision=int8 is not used: its accuracy on 200 samples is") == 1
    assert "form chosen=fp32-onnx, as kept" in caplog.text


@needs_int8
def test_integers_that_decide_otherwise_for_a_source_are_refused(
    graphs: Graphs, checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    weights = dict(checkpoint.state_dict)
    weights["fc.weight"] = 0.9 * weights["fc.weight"]
    shy = replace(graphs, int8=export.graphs_of(replace(checkpoint, state_dict=weights)).int8)
    sure = reference(checkpoint, graphs.samples.pixels()).amax(dim=1).median().item()
    kept, of_sources = Kept(tmp_path / "model.pth"), ((sure,) * len(graphs.labels),)
    with caplog.at_level(logging.INFO):
        for own, precision in (((), "int8"), (of_sources, "fp32"), (of_sources, "fp32")):
            engine = opened(shy, "int8", kept=kept, of_sources=own)
            assert (engine.precision, engine.of_sources) == (precision, own)
            engine.close()
    assert caplog.text.count(f"(threshold {sure:g} of a source, 200 samples)") == 1
    assert "form chosen=fp32-onnx, as kept" in caplog.text


@pytest.mark.parametrize("count", [0, 199])
def test_with_few_samples_there_is_only_float32(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    samples = checkpoint.samples
    few = Samples(samples.images[:count], samples.targets[:count]) if count else NO_SAMPLES
    made = export.graphs_of(replace(checkpoint, samples=few))
    assert not made.int8
    with caplog.at_level(logging.INFO):
        assert opened(made, "auto").precision == "fp32"
    assert "precision=int8 is not used: the checkpoint has" in caplog.text


@needs_int8
def test_what_was_chosen_is_not_tried_again(
    graphs: Graphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "model.pth")
    first = opened(graphs, "int8", kept=kept)
    expected = first.predict(images(4)).confidences
    first.close()
    monkeypatch.setattr(onnx_engine, "best", None)
    again = opened(graphs, "int8", kept=kept)
    assert again.precision == "int8"
    np.testing.assert_array_equal(again.predict(images(4)).confidences, expected)
    again.close()


def test_what_was_chosen_for_one_core_is_not_taken_for_two(
    graphs: Graphs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """OMP_NUM_THREADS comes and goes, and a single image would stay on one core for good."""
    caplog.set_level("INFO")
    kept = Kept(tmp_path / "model.pth")
    for cores, known in (("1", False), ("1", True), ("2", False)):
        caplog.clear()
        monkeypatch.setattr(onnx_engine, "usable_cores", lambda: 2)
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        opened(graphs, "fp32", kept=kept).close()
        assert ("as kept" in caplog.text) is known


@needs_int8
def test_a_choice_that_haste_made_is_made_again(
    graphs: Graphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "model.pth")
    monkeypatch.setattr(onnx_choice, "_AUTO_CHECK_SECONDS", 0)
    assert opened(graphs, "auto", kept=kept).precision == "fp32"
    monkeypatch.setattr(onnx_choice, "_AUTO_CHECK_SECONDS", 300)
    monkeypatch.setattr(onnx_choice, "_faster", lambda _full, narrow, _images: narrow)
    assert opened(graphs, "auto", kept=kept).precision == "int8"


def test_a_network_that_answers_otherwise_once_exported_is_refused(
    checkpoint: Checkpoint, graphs: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "exported", lambda *_: graphs.fp32)
    weights = dict(checkpoint.state_dict)
    weights["fc.weight"] = weights["fc.weight"] * 2
    with pytest.raises(Refused, match="answers otherwise"):
        export.graphs_of(replace(checkpoint, state_dict=weights))
    monkeypatch.setattr(export, "exported", lambda *_: b"no graph")
    with pytest.raises(Refused, match="cannot be exported"):
        export.graphs_of(checkpoint)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("Failed to allocate memory for requested buffer")]
)
def test_out_of_memory_has_a_name(
    engines: dict[str, OnnxEngine], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_images: object) -> None:
        raise error

    monkeypatch.setattr(engines["fp32"]._form, "predict", fail)
    with pytest.raises(EngineOutOfMemory, match="batch of 5 images"):
        engines["fp32"].predict(images(5))


def test_graphs_come_back_as_they_were_packed(graphs: Graphs) -> None:
    assert unpacked(packed(graphs)) == graphs


@pytest.mark.parametrize("cut", [1, 100, 10_000])
def test_what_is_cut_short_is_no_graphs(graphs: Graphs, cut: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpacked(packed(graphs)[:-cut])
    with pytest.raises(ValueError, match=r"."):
        unpacked(packed(graphs)[:cut])


def test_a_graph_that_names_a_file_is_refused(graphs: Graphs) -> None:
    import onnx

    model = onnx.load_model_from_string(graphs.fp32)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(ValueError, match="names a file"):
        unpacked(packed(replace(graphs, fp32=model.SerializeToString())))


def test_what_is_kept_is_found_while_the_files_are_the_same(graphs: Graphs, tmp_path: Path) -> None:
    model, classes = tmp_path / "model.pth", tmp_path / "classes.json"
    assert module.found(model, classes) is None
    model.write_bytes(b"weights")
    classes.write_bytes(labels.written(graphs.labels))
    mine = replace(graphs, digest=digest(b"weights"))
    Kept(model).keep_model(mine.digest, packed(mine))
    assert module.found(model, classes) == mine
    classes.write_bytes(labels.written(tuple(reversed(graphs.labels))))
    assert module.found(model, classes) is None, "a full read says what is wrong"
    classes.write_bytes(labels.written(graphs.labels))
    Kept(model).keep_model(mine.digest, packed(graphs))
    assert module.found(model, classes) is None, "it is of another model"
    Kept(model).keep_model(mine.digest, b"no graphs")
    assert module.found(model, classes) is None
    model.write_bytes(b"other weights")
    assert module.found(model, classes) is None
