"""A CUDA device made of the CPU: what is asynchronous there is late here.

Work that a stream was given is done only when somebody waits for it, or, with a seed, at moments
drawn at random: both are allowed to a real device, so a missing wait shows as a wrong answer. What
the device computes is computed by PyTorch's CPU code. Covered is what the CUDA engine uses; work
that is neither a non-blocking copy nor the replay of a graph is done at once, after what its stream
was given before.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from velox.models.engine import streams

Operator = Any
MEMORY = 2**30


@dataclass(frozen=True, slots=True)
class Properties:
    """Of the device."""

    total_memory: int = MEMORY


class Stream:
    """Work in order, some of which is still to do."""

    def __init__(self, simulated: SimulatedCuda) -> None:
        self._simulated = simulated
        self._waiting: deque[Callable[[], object]] = deque()
        self._done = 0

    def give(self, work: Callable[[], object]) -> None:
        """Add work."""
        with self._simulated.lock:
            self._waiting.append(work)
        self._simulated.chance()

    def mark(self) -> int:
        """How much it was given so far."""
        with self._simulated.lock:
            return self._done + len(self._waiting)

    def run(self, mark: int) -> None:
        """Do the work up to a mark."""
        with self._simulated.lock, self._simulated.at_work():
            while self._done < mark:
                self._done += 1
                self._waiting.popleft()()

    def wait_event(self, event: Event) -> None:
        """As `torch.cuda.Stream.wait_event`."""
        stream, mark = event.recorded()
        self.give(lambda: stream.run(mark))

    def synchronize(self) -> None:
        """As `torch.cuda.Stream.synchronize`."""
        self.run(self.mark())


class Event:
    """A place in a stream."""

    def __init__(self, *, blocking: bool = False) -> None:
        self._recorded: tuple[Stream, int] | None = None

    def record(self, stream: Stream) -> None:
        """As `torch.cuda.Event.record`."""
        self._recorded = stream, stream.mark()

    def recorded(self) -> tuple[Stream, int]:
        """Where."""
        assert self._recorded is not None, "a wait for an event that was never recorded"
        return self._recorded

    def synchronize(self) -> None:
        """As `torch.cuda.Event.synchronize`."""
        stream, mark = self.recorded()
        stream.run(mark)


class Graph:
    """Operators with the tensors that they were recorded with."""

    def __init__(self, simulated: SimulatedCuda) -> None:
        self._simulated = simulated
        self._operations: list[tuple[Operator, Sequence[Any], Mapping[str, Any], Any]] = []

    def add(
        self, operator: Operator, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        """Record an operator that gave a result."""
        self._operations.append((operator, args, kwargs, result))

    def replay(self) -> None:
        """As `torch.cuda.CUDAGraph.replay`."""
        self._simulated.current.give(self._run)

    def _run(self) -> None:
        for operator, args, kwargs, result in self._operations:
            again = operator(*args, **kwargs)
            for before, now in zip(_tensors(result), _tensors(again), strict=True):
                # Views, and what works in place, are where they were.
                if before.data_ptr() != now.data_ptr():
                    before.copy_(now)


def _tensors(value: Any) -> Sequence[Tensor]:
    return value if isinstance(value, (tuple, list)) else (value,)


class SimulatedCuda:
    """Stands in for `torch.cuda` on the threads that enter it.

    Args:
        seed: when work is done: at random times, or, without one, as late as possible.
        largest: images in a batch above which the device has no memory.
    """

    def __init__(self, *, seed: int | None = None, largest: int = 10**9) -> None:
        self.lock = threading.RLock()
        self.largest = largest
        self._random = None if seed is None else random.Random(seed)
        self._streams: list[Stream] = []
        self._thread = threading.local()
        self._default = self.stream()
        self._captures: list[Graph] = []
        # What another one's engines gave back is no stream of this one.
        self._free: defaultdict[torch.device, list[Stream]] = defaultdict(list)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Replace what the engine uses of `torch.cuda`."""
        for name, replacement in {
            "Stream": lambda _device: self.stream(),
            "Event": Event,
            "CUDAGraph": lambda: Graph(self),
            "graph": self._graph,
            "graph_pool_handle": object,
            "stream": self._on,
            "device": lambda _device: ExitStack(),
            "synchronize": lambda _device: self.synchronize(),
            "empty_cache": lambda: None,
            "memory_allocated": lambda _device: MEMORY // 4,
            "memory_reserved": lambda _device: MEMORY // 2,
            "get_device_properties": lambda _device: Properties(),
            "set_per_process_memory_fraction": lambda _fraction, _device: None,
        }.items():
            patch.setattr(torch.cuda, name, replacement)
        patch.setattr(streams, "FREE", self._free)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Let this thread's tensors be on the device."""
        with _Places(), _Operators(self):
            yield

    @property
    def current(self) -> Stream:
        """This thread's stream."""
        return getattr(self._thread, "stream", self._default)

    @property
    def recording(self) -> Graph | None:
        """The graph that this thread records; others go on meanwhile."""
        return getattr(self._thread, "recording", None)

    @property
    def working(self) -> bool:
        """Whether this thread does what a stream was given."""
        return getattr(self._thread, "working", False)

    def stream(self) -> Stream:
        """A new one."""
        stream = Stream(self)
        self._streams.append(stream)
        return stream

    @property
    def streams(self) -> int:
        """How many were made."""
        return len(self._streams)

    def synchronize(self) -> None:
        """Do all the work.

        "It is also invalid to [...] synchronize a broader handle which encompasses an active stream
        capture, such as a device" ("Prohibited and Unhandled Operations" in NVIDIA's guide).
        """
        assert not self._captures, "the device is waited for while a stream is captured"
        for stream in self._streams:
            stream.synchronize()

    def chance(self) -> None:
        """Do some of the work, if that is up to chance."""
        if self._random is None:
            return
        with self.lock:
            stream = self._random.choice(self._streams)
            stream.run(self._random.randint(stream._done, stream.mark()))

    def at_work(self) -> AbstractContextManager[None]:
        """What this thread does is what streams were given."""
        return self._meanwhile("working", True)

    def _on(self, stream: Stream) -> AbstractContextManager[None]:
        return self._meanwhile("stream", stream)

    @contextmanager
    def _meanwhile(self, name: str, value: object) -> Iterator[None]:
        """This thread has another value of its own."""
        missing = object()
        before = getattr(self._thread, name, missing)
        setattr(self._thread, name, value)
        try:
            yield
        finally:
            if before is missing:
                delattr(self._thread, name)
            else:
                setattr(self._thread, name, before)

    @contextmanager
    def _graph(
        self, graph: Graph, *, pool: object, stream: Stream, capture_error_mode: str
    ) -> Iterator[None]:
        assert capture_error_mode in ("global", "thread_local", "relaxed")
        self.synchronize()
        self._captures.append(graph)
        try:
            with self._on(stream), self._meanwhile("recording", graph):
                yield
        finally:
            self._captures.remove(graph)


class _Places(TorchFunctionMode):
    """Whatever is to be on a CUDA device, or pinned, is in ordinary memory."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = {name: _placed(value) for name, value in (kwargs or {}).items()}
        kwargs.pop("pin_memory", None)
        return func(*map(_placed, args), **kwargs)


def _placed(value: Any) -> Any:
    is_cuda = isinstance(value, torch.device) and value.type == "cuda"
    return torch.device("cpu") if is_cuda else value


class _Operators(TorchDispatchMode):
    """Puts off what a device may do later."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Else the first operation imports PyTorch's compiler (`torch/utils/_python_dispatch.py`),
        which takes longer than many a test."""
        return False

    def __init__(self, simulated: SimulatedCuda) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._simulated = simulated

    def __torch_dispatch__(
        self, func: Operator, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        simulated, kwargs = self._simulated, kwargs or {}
        if simulated.working:
            return func(*args, **kwargs)
        if func is torch.ops.aten.conv2d.default and len(args[0]) > simulated.largest:
            raise torch.OutOfMemoryError(f"no memory for {len(args[0])} images")
        if simulated.recording is not None:
            result = func(*args, **kwargs)
            simulated.recording.add(func, args, kwargs, result)
            return result
        is_copy = func is torch.ops.aten.copy_.default
        if is_copy and (kwargs.get("non_blocking") or args[2:] == (True,)):
            simulated.current.give(lambda: func(*args, **kwargs))
            return args[0]
        simulated.current.synchronize()
        return func(*args, **kwargs)
