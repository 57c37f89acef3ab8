"""Documents whose records match no more: which there are, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Why:
    """Why a document was withdrawn.

    Attributes:
        reason: in words.
        model: the digest of the checkpoint that decided so.
        at: when, as `velox.base.records.utc_text` writes it.
    """

    reason: str
    model: str
    at: str


class Withdrawal(Protocol):
    """Looks at detections, and keeps copies of those that are withdrawn, in `withdrawn`.

    A copy has the fields of its document, with `file_path` null, and `withdrawn_reason`,
    `withdrawn_by` (the model), and `withdrawn_at`. Both methods raise as those of `Removal` do.
    """

    name: str

    def latencies(self, ids: Sequence[str]) -> dict[str, float]:
        """The `latency_ms` of those documents that there are, by id."""

    def keep(self, why: Mapping[str, Why]) -> None:
        """Make copies, each replacing an earlier one of its id; without a document there is none.

        Args:
            why: by the document's id.
        """

    def close(self) -> None:
        """Let go of the connection."""
