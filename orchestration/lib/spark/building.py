"""What a build on Spark starts from, as the process that runs dbt needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestration.lib.spark.handover import HandedOver
from orchestration.lib.spark.storage import Storage


@dataclass(frozen=True)
class SparkBuild:
    """The server, the folder of tables, the data set's folder, the number of the build and of the one that the ledger
    is of (none: tables are built from raw), what was landed, and the current folders, by relation."""

    remote: str
    tables: str
    home: str
    number: int
    last: int | None
    landed: tuple[HandedOver, ...]
    stored: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> SparkBuild:
        landed = tuple(
            HandedOver(**{**one, "columns": tuple((name, kind) for name, kind in one["columns"])})
            for one in told["landed"]
        )
        return cls(**{**told, "landed": landed})

    @property
    def environment(self) -> dict[str, str]:
        """What dbt's adapter reads."""
        return {"SPARK_REMOTE": self.remote}

    @contextlib.contextmanager
    def open_storage(self, schemas: Iterable[str]) -> Iterator[Storage]:
        """Has the server know the tables, for a `with` block that builds. Raises SparkError."""
        from orchestration.lib.spark.catalog import only_user

        with only_user(self.remote):
            yield from self._opened(schemas)

    def _opened(self, schemas: Iterable[str]) -> Iterator[Storage]:
        from orchestration.lib.spark.catalog import check_executors, explained, make_known, note_build, open_session

        with explained(self.remote):
            session = open_session(self.remote)
            check_executors(session, self.remote)
            make_known(
                session,
                home=Path(self.home),
                number=self.last,
                schemas=schemas,
                landed=self.landed,
                stored=self.stored,
                tables=Path(self.tables),
            )
        storage = Storage(Path(self.tables), self.number)
        yield storage
        # else the next build has the server know the tables again
        if storage.is_as_written:
            with explained(self.remote):
                note_build(session, Path(self.home), self.number)
