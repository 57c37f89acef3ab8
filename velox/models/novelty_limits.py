"""Beyond which novelty an image is unknown, as training has measured it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

# Of known images, that may be called unknown; what UNKNOWN asks for lies between the first and the
# last.
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
# What UNKNOWN=auto stands for.
AUTO = 0.01


@dataclass(frozen=True)
class NoveltyLimits:
    """Limits for several shares of known images that may lie beyond.

    Attributes:
        images: known images that the limits were found on.
        of_shares: for each of `SHARES` the novelty above which an image is unknown; None where the
            images are too few to say.
    """

    images: int
    of_shares: tuple[float | None, ...]

    def above(self, share: float) -> float:
        """The limit for the largest of `SHARES` that is not above a share; infinity without one."""
        found = self.of_shares[bisect_right(SHARES, share) - 1]
        return math.inf if found is None else found

    def as_dict(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        return {"images": self.images, "of_shares": dict(zip(SHARES, self.of_shares, strict=True))}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Of what a checkpoint holds.

        Raises:
            ValueError, KeyError, TypeError: where it holds something else.
        """
        # As JSON keeps it, the shares are text.
        held = {float(share): limit for share, limit in content["of_shares"].items()}
        found = [held[share] for share in SHARES]
        limits = tuple(None if each is None else float(each) for each in found)
        if not all(each is None or math.isfinite(each) for each in limits):
            raise ValueError("a limit of novelty is not finite")
        return cls(int(content["images"]), limits)


def least_images(share: float) -> int:
    """How many images it takes to say anything of a share: of fewer, more lie beyond the last."""
    return math.ceil(1 / share - 1e-9) - 1
