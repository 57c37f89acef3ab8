"""The forms of a model on the CPU, and the choice of the fastest that is as right as float32.

Each form is a way to run the same weights; which is fastest depends on the model and on the CPU, so
it is found by trying. A form in fewer bits is only taken if it decides as float32 does on the
checkpoint's samples (`velox.models.engine.check`): without enough of them, there is only float32.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from velox.models.checkpoint import Checkpoint, at_work
from velox.models.engine.check import NotNow, Refused, say_refused, worth_trying
from velox.models.engine.classifier import Answer, Classifier
from velox.models.engine.deprecated import Missing, frozen, int8_module
from velox.models.engine.onednn import onednn
from velox.models.engine.parts import BFLOAT16, FLOAT32, INT8, part_size
from velox.models.engine.trial_images import noise
from velox.models.engine.workers import Classify, Workers, joined

AUTO, PLAIN = "auto", "plain"

# Forms of float32 may add up in another order; what moves a probability by more is another model.
TOLERANCE = 1e-3

_TRIAL_BATCH = 16
_TRIAL_ROUNDS = 5
_TRIAL_SECONDS = 1.0
_CHECK_BATCH = 32
_CALIBRATION_IMAGES = 32
# Longest check, in seconds, that `auto` makes for a form that may yet be refused.
_AUTO_CHECK_SECONDS = 5.0

# Found answers, expected ones, the true labels; raises Refused where they differ too much.
Judge = Callable[[Answer, Answer, Tensor], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Form:
    """One way to run a model."""

    name: str
    precision: str
    run: Classify

    def part(self, size: int) -> int:
        """How many images of this height and width it should be given at once at most."""
        return part_size(size, self.precision)


class Choice:
    """Makes and tries forms of one checkpoint.

    Args:
        checkpoint: whose forms.
        workers: on which they run.
        top: labels that each image is given.
        judge: as `require_same_decisions`, with what it is to compare answers with.

    Attributes:
        settled: whether the same would be chosen another time, as far as decisions go.
    """

    def __init__(self, checkpoint: Checkpoint, workers: Workers, *, top: int, judge: Judge) -> None:
        self._checkpoint = checkpoint
        self._workers = workers
        self._top = top
        self._judge = judge
        self.settled = True
        self._network = at_work(checkpoint)
        self._pixels = trial_pixels(checkpoint.input_size)
        self._samples: Tensor | None = None
        self._expected: Answer | None = None

    def best(self, precision: str) -> Form:
        """The fastest form of a precision, of float32 where that precision is refused.

        `auto` stops at the first that is not refused: where a CPU has both, 8 bits are faster.
        """
        single = self._fastest(self._float32_forms())
        makers = {INT8: self._int8, BFLOAT16: self._bfloat16}
        wanted = list(makers) if precision == AUTO else [precision]
        narrow_ones = [each for each in wanted if each != FLOAT32]
        samples = len(self._checkpoint.samples)
        for name, following in worth_trying(precision, narrow_ones, samples):
            try:
                narrow = self._checked(makers[name], single, patient=precision != AUTO)
            except Refused as reason:
                say_refused(precision, [name], reason, following)
                self.settled = self.settled and not isinstance(reason, NotNow)
            else:
                return self._fastest([single, narrow]) if precision == AUTO else narrow
        return single

    def again(self, known: Mapping[str, Any]) -> Form | None:
        """A form that was chosen before, without trying; None where it cannot be made any more.

        Args:
            known: its `precision` and `form`, the name.
        """
        makers = {INT8: self._int8, BFLOAT16: self._bfloat16}
        name, precision = known.get("form"), known.get("precision")
        try:
            if precision in makers:
                form = makers[precision]()
            elif name == PLAIN:
                form = self._plain()
            else:
                form = self._float32_form(str(name), self._float32_makers()[str(name)])
        except Exception as error:
            log.debug("form=%s-%s cannot be made again: %r", precision, name, error)
            return None
        log.info("form chosen=%s-%s, as kept", form.precision, form.name)
        return form

    def _float32_forms(self) -> list[Form]:
        forms = [self._plain()]
        for name, make in self._float32_makers().items():
            try:
                forms.append(self._float32_form(name, make))
            except Missing as error:
                log.info("form=%s-%s is not used: %s", FLOAT32, name, error)
            except Exception as error:
                # Tracing runs the model's own code on stand-ins, so anything may come out.
                log.debug("form=%s does not work with this model: %s", name, error)
        return forms

    def _float32_makers(self) -> dict[str, Callable[[], Classify]]:
        return {
            "frozen": lambda: frozen(self._classifier(self._network), self._pixels, optimised=True),
            "onednn": lambda: self._classifier(self._onednn(torch.float32)),
        }

    def _plain(self) -> Form:
        return Form(PLAIN, FLOAT32, self._classifier(self._network))

    def _float32_form(self, name: str, make: Callable[[], Classify]) -> Form:
        """A form that answers as the plain one does; Refused where it does not."""
        form = Form(name, FLOAT32, make())
        # A trace may have kept the size of its batch as a constant: try another.
        if not _agree(form.run(self._pixels[:3]), self._plain().run(self._pixels[:3])):
            raise Refused("it answers otherwise")
        return form

    def _classifier(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> Classifier:
        return Classifier(network, self._checkpoint, dtype, top=self._top)

    def _onednn(self, dtype: torch.dtype) -> nn.Module:
        return onednn(self._network, self._checkpoint.input_size, dtype=dtype)

    def _bfloat16(self) -> Form:
        found = torch.cpu.get_capabilities()
        if not (found.get("avx512_bf16") or found.get("amx_bf16")):
            raise Refused("this CPU has no instructions for it")
        classifier = self._classifier(self._onednn(torch.bfloat16), torch.bfloat16)
        return Form("onednn", BFLOAT16, classifier)

    def _int8(self) -> Form:
        engine_int8 = int8_module()
        if not engine_int8.supported():
            raise Refused("this CPU has no instructions for it")
        plain = self._classifier(self._network)
        pixels = self._sample_pixels()
        every = max(1, len(pixels) // _CALIBRATION_IMAGES)
        samples = plain.normalised(pixels[::every][:_CALIBRATION_IMAGES])
        classifier = self._classifier(engine_int8.int8(self._network, samples))
        return Form("frozen", INT8, frozen(classifier, self._pixels))

    def _checked(self, make: Callable[[], Form], single: Form, *, patient: bool) -> Form:
        """Make a form in fewer bits and see that it decides as float32 does."""
        samples = self._checkpoint.samples
        seconds = len(samples) * self._seconds([single], rounds=1)[0] / _TRIAL_BATCH
        if not patient and seconds > _AUTO_CHECK_SECONDS:
            raise NotNow(f"checking it would take {seconds:.0f} s")
        try:
            form = make()
            if self._expected is None:
                self._expected = self._on_samples(single)
            found = self._on_samples(form)
        except Refused:
            raise
        except Missing as error:
            raise Refused(str(error)) from error
        except Exception as error:
            log.debug("the model cannot be put into this form", exc_info=True)
            raise Refused(f"the model cannot be put into it: {type(error).__name__}") from error
        self._judge(found, self._expected, torch.tensor(samples.targets))
        return form

    def _on_samples(self, form: Form) -> Answer:
        """What a form makes of the samples."""
        batches = torch.split(self._sample_pixels(), _CHECK_BATCH)
        return joined([self._answer(form, each) for each in batches])

    def _sample_pixels(self) -> Tensor:
        if self._samples is None:
            pixels = torch.from_numpy(self._checkpoint.samples.pixels())
            self._samples = pixels.permute(0, 3, 1, 2)
        return self._samples

    def _fastest(self, forms: Sequence[Form]) -> Form:
        seconds = self._seconds(forms)
        rates = " ".join(
            f"{form.precision}-{form.name}={_TRIAL_BATCH / each:.0f}/s"
            for form, each in zip(forms, seconds, strict=True)
        )
        best = forms[seconds.index(min(seconds))]
        log.info("form chosen=%s-%s %s", best.precision, best.name, rates)
        return best

    def _seconds(self, forms: Sequence[Form], rounds: int = _TRIAL_ROUNDS) -> list[float]:
        """Each form's best time of a batch: what else the machine does can only add to it."""
        times: list[list[float]] = [[] for _ in forms]
        for form in forms:
            self._answer(form, self._pixels)
        deadline = time.monotonic() + _TRIAL_SECONDS
        for _ in range(rounds):
            for form, found in zip(forms, times, strict=True):
                start = time.perf_counter()
                self._answer(form, self._pixels)
                found.append(time.perf_counter() - start)
            if time.monotonic() > deadline:
                break
        return [min(each) for each in times]

    def _answer(self, form: Form, pixels: Tensor) -> Answer:
        return self._workers.run(form.run, pixels, form.part(self._checkpoint.input_size))


def trial_pixels(size: int) -> Tensor:
    """Noise to measure with, the same each time: uint8 [N, 3, size, size], channels last."""
    return torch.from_numpy(noise(size, _TRIAL_BATCH)).permute(0, 3, 1, 2)


def _agree(one: Answer, other: Answer) -> bool:
    return torch.allclose(one[1], other[1], atol=TOLERANCE, rtol=0)
