"""What people see of the images in SQLite, and what they say of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from velox.base.candidates import (
    JUDGED,
    RANDOM_RANK,
    RANKS,
    UNSURE_RANK,
    Candidate,
    Judged,
    Tally,
)
from velox.base.errors import StoreUnavailable
from velox.stores.review_interface import IMAGES, MOST_SAID, REVIEW
from velox.stores.sqlite_errors import failure
from velox.stores.sqlite_file import BUSY_TIMEOUT_S
from velox.stores.sqlite_read_only import opened
from velox.stores.sqlite_review import SQLiteReview

_PAGE = 500


class SQLiteVerdicts(SQLiteReview):
    """See `velox.stores.review_interface.Verdicts`."""

    def open_to_read(self) -> None:
        """Open the file as it is now; nothing is made or changed, and nothing can be judged.

        Raises:
            StoreUnavailable: when it is not there, or cannot be read.
        """
        try:
            self._connection = opened(self._path, BUSY_TIMEOUT_S, self._read_only)
            self._connection.row_factory = sqlite3.Row
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self.name}: {error}") from error

    def close(self) -> None:
        """See Verdicts."""
        self._read_only.close()
        super().close()

    def unsure(self, limit: int) -> list[Candidate]:
        """See Verdicts."""
        rows = self._rows(
            f"SELECT * FROM {REVIEW} WHERE rank = ? ORDER BY timestamp DESC, _id LIMIT ?",  # noqa: S608 - a constant
            UNSURE_RANK,
            limit,
        )
        return [Candidate.of(dict(row)) for row in rows]

    def random(self, model: str, limit: int) -> list[Candidate]:
        """See Verdicts."""
        rows = self._rows(
            f"SELECT * FROM {REVIEW} WHERE rank = ? AND model = ? ORDER BY chance, _id LIMIT ?",  # noqa: S608
            RANDOM_RANK,
            model,
            limit,
        )
        return [Candidate.of(dict(row)) for row in rows]

    def counts(self) -> Sequence[int]:
        """See Verdicts."""
        rows = self._rows(f"SELECT rank, COUNT(*) AS images FROM {REVIEW} GROUP BY rank")  # noqa: S608
        found = {row["rank"]: row["images"] for row in rows}
        return [found.get(rank, 0) for rank in range(RANKS)]

    def newest_model(self) -> str | None:
        """See Verdicts."""
        rows = self._rows(f"SELECT model FROM {REVIEW} ORDER BY kept_at DESC LIMIT 1")  # noqa: S608
        return rows[0]["model"] if rows else None

    def labels(self) -> set[str]:
        """See Verdicts."""
        rows = self._rows(
            f"SELECT predicted_label AS label FROM {REVIEW} UNION SELECT verdict FROM {REVIEW}"  # noqa: S608
        )
        return {row["label"] for row in rows} - {None}

    def image(self, identity: str) -> bytes | None:
        """See Verdicts."""
        rows = self._rows(f"SELECT image FROM {IMAGES} WHERE _id = ?", identity)  # noqa: S608
        return rows[0]["image"] if rows else None

    def judge(self, ids: Sequence[str], label: str | None, by: str, at: str) -> list[str]:
        """See Verdicts."""
        said = {"verdict": label, "judged_by": by, "judged_at": at}
        return self._say(ids, f"rank | {JUDGED}", said, {"label": label, "by": by, "at": at})

    def take_back(self, ids: Sequence[str], by: str, at: str) -> list[str]:
        """See Verdicts."""
        nothing = dict.fromkeys(("verdict", "judged_by", "judged_at"))
        entry = {"taken_back": True, "by": by, "at": at}
        return self._say(ids, f"rank & {JUDGED - 1}", nothing, entry, of=by)

    def _say(
        self,
        ids: Sequence[str],
        rank: str,
        said: dict[str, str | None],
        entry: dict[str, Any],
        of: str | None = None,
    ) -> list[str]:
        """One transaction: what is said now, and the history with it.

        Args:
            ids: of the images.
            rank: what becomes of it, in SQL.
            said: what is said now.
            entry: of the history.
            of: whose verdicts are changed; None for any, and for images that have none.
        """
        there: list[str] = []
        with self._asked() as connection:
            for each in ids:
                row = connection.execute(
                    f"SELECT history FROM {REVIEW} WHERE _id = ? AND (? IS NULL OR judged_by = ?)",  # noqa: S608
                    (each, of, of),
                ).fetchone()
                if row is None:
                    continue
                history = [*json.loads(row["history"]), entry][-MOST_SAID:]
                connection.execute(
                    f"UPDATE {REVIEW} SET rank = {rank}, verdict = ?, judged_by = ?, "  # noqa: S608
                    "judged_at = ?, history = ? WHERE _id = ?",
                    (*said.values(), json.dumps(history), each),
                )
                there.append(each)
        return there

    def judged(self) -> Iterator[Judged]:
        """See Verdicts. A part at a time, so that the others have their turns."""
        last: str | None = None
        while True:
            rows = self._rows(
                f"SELECT * FROM {REVIEW} "  # noqa: S608
                "WHERE (? IS NULL OR _id > ?) AND rank >= ? ORDER BY _id LIMIT ?",
                last,
                last,
                JUDGED,
                _PAGE,
            )
            if not rows:
                return
            last = rows[-1]["_id"]
            for row in rows:
                yield Judged(
                    Candidate.of(dict(row)), row["verdict"], row["judged_by"], row["judged_at"]
                )

    def tally(self, model: str) -> list[Tally]:
        """See Verdicts."""
        rows = self._rows(
            f"SELECT predicted_label, verdict, COUNT(*) FROM {REVIEW} WHERE rank = ? AND model = ? "  # noqa: S608
            "GROUP BY predicted_label, verdict ORDER BY predicted_label, verdict",
            RANDOM_RANK | JUDGED,
            model,
        )
        return [Tally(*row) for row in rows]

    def _rows(self, query: str, *values: str | int | None) -> list[sqlite3.Row]:
        """What a question finds; it keeps nobody from writing."""
        with self._turn:
            try:
                return self._opened.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise failure(self.name, self._path, error) from error
