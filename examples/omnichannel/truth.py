"""Writes what really happened, next to the extracts and never inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TABLES: Mapping[str, Mapping[str, str]] = {
    "people": {
        "person_id": "varchar", "household_id": "varchar", "kind": "varchar", "first_name": "varchar",
        "last_name": "varchar", "birth_date": "date", "email": "varchar", "new_email": "varchar",
        "email_changed_at": "timestamp", "phone": "varchar", "customer_number": "varchar",
        "loyalty_card": "varchar", "joined_loyalty_at": "timestamp",
        "never_logs_in": "boolean", "shares_tablet": "boolean",
        "activity": "double", "patience": "double", "arrived_at": "timestamp",
    },
    "identifiers": {"identifier_type": "varchar", "identifier": "varchar", "person_id": "varchar"},
    "phase_history": {
        "person_id": "varchar", "journey": "varchar", "journey_instance": "bigint", "phase": "varchar",
        "outcome": "varchar", "cause": "varchar", "began_through": "varchar", "support": "varchar",
        "wait_minutes": "double", "is_slow_support": "boolean", "entered_at": "timestamp",
        "left_at": "timestamp",
    },
    "conversion_causes": {
        "person_id": "varchar", "journey_instance": "bigint", "phase": "varchar", "cause": "varchar",
        "touch_source": "varchar", "touch_table": "varchar", "touch_key": "varchar", "campaign": "varchar",
        "is_caused": "boolean", "conversion_source": "varchar", "conversion_table": "varchar",
        "conversion_key": "varchar", "changed_at": "timestamp", "converted_at": "timestamp",
    },
    "ad_spend": {
        "campaign": "varchar", "impressions": "bigint", "clicks": "bigint", "spend": "decimal(18,2)",
        "spent_on": "date",
    },
    "shared_device_events": {
        "source_name": "varchar", "event_id": "varchar", "identifier": "varchar", "person_id": "varchar",
    },
}  # fmt: skip

ARROW = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "timestamp": pa.timestamp("us"),
}


class Truth:
    """The truth's tables as Parquet files that grow by chunks. `person_id` is `p` and the person's number."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.connection = connection
        self.noted: list[pa.Table] = []
        self.schemas = {
            table: pa.schema([(name, ARROW[kind]) for name, kind in columns.items()])
            for table, columns in TABLES.items()
        }
        self.writers = {
            table: pq.ParquetWriter(folder / f"{table}.parquet", schema, compression="zstd")
            for table, schema in self.schemas.items()
        }

    def write(self, table: str, columns: Mapping[str, object], render: Mapping[str, str] | None = None) -> None:
        """Appends rows; `render` gives SQL for columns that do not have their own name."""
        render = render or {}
        rows = pa.table(
            {name: value if isinstance(value, pa.Array) else pa.array(value) for name, value in columns.items()}
        )
        if not rows.num_rows:
            return
        select = ", ".join(
            f"cast({render.get(name, name)} as {kind}) as {name}" for name, kind in TABLES[table].items()
        )
        self.connection.register("truth_rows", rows)
        try:
            result = self.connection.sql(f"select {select} from truth_rows").to_arrow_table()
        finally:
            self.connection.unregister("truth_rows")
        self.writers[table].write_table(result.cast(self.schemas[table]))

    def identifiers(self, kind: str, values: object, person: object, render: str = "value") -> None:
        """Takes note of identifiers and the persons who used them; `flush` writes each pair once."""
        rows = pa.table({"value": values, "person": person})
        self.connection.register("truth_rows", rows)
        try:
            self.noted.append(
                self.connection.sql(
                    f"select distinct '{kind}' as identifier_type, {render} as identifier, "
                    "printf('p%07d', person) as person_id from truth_rows where value is not null"
                ).to_arrow_table()
            )
        finally:
            self.connection.unregister("truth_rows")

    def flush(self) -> None:
        """Writes the identifiers noted since the last time."""
        schema = self.schemas["identifiers"]
        self.connection.register("truth_rows", pa.concat_tables(rows.cast(schema) for rows in self.noted))
        try:
            rows = self.connection.sql("select distinct * from truth_rows order by all").to_arrow_table()
        finally:
            self.connection.unregister("truth_rows")
        self.writers["identifiers"].write_table(rows.cast(schema))
        self.noted.clear()

    def rendered(self, number: np.ndarray, render: str) -> pa.ChunkedArray:
        """The text that SQL makes of each number."""
        self.connection.register("truth_rows", pa.table({"number": number}))
        try:
            return self.connection.sql(f"select {render} as text from truth_rows").to_arrow_table()["text"]
        finally:
            self.connection.unregister("truth_rows")

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()


PERSON = "printf('p%07d', person)"
