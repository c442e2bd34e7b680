"""Decides which of the rows of one key counts, and writes down only what changed.

Every decision is made from the whole set of a key's rows in files that are loaded, so it doesn't matter in
how many runs they came. Rows of a key that two sources claim leave for quarantine here, and come back when
the claim ends.
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.sql import literal, name
from orchestration.lib.landing import reasons
from orchestration.lib.landing.registry import quarantine_table, raw_table


def settle_statuses(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, *, batch: int, changed: str | None, now: datetime
) -> bool:
    """Recomputes `_row_status` for the keys that the SQL query `changed` gives as hashes (one column), or for all.

    Runs inside the caller's transaction; new rows are in the table as `current`. Returns whether any key may have
    several rows.
    """
    raw = raw_table(contract)
    if contract.part_of is not None:
        return False  # its rows follow those of the table it is part of
    has_repeats = _settle(connection, contract, raw, batch=batch, changed=changed, now=now)
    for part in contract.parts:
        _follow(connection, contract, part, batch=batch)
    return has_repeats


def _order(contract: TableContract) -> str:
    """The SQL of the order in which files were delivered, for `files`: each has a place of its own."""
    named = "coalesce(files.delivered_in_name, timestamp '0001-01-01'), " if contract.delivered_at_pattern else ""
    return f"{named}files.batch, coalesce(files.place_in_batch, 0), files.file_path"


def _follow(connection: duckdb.DuckDBPyConnection, contract: TableContract, part: TableContract, *, batch: int) -> None:
    """Gives the rows of a part the statuses of the rows that they belong to, where either have just changed."""
    parents, parts = raw_table(contract), raw_table(part)
    same = "_line" if part.steps else "_row_key"
    own = "parts._line" if part.steps else r"regexp_replace(parts._row_key, '#[0-9]+$', '')"
    # one after the other: with an `or` between them each landing would join the tables whole
    for changed in ("parents", "parts"):
        connection.execute(f"""
            update {parts} as parts set _row_status = parents._row_status, _changed_in = {batch}
            from {parents} as parents
            where {changed}._changed_in = {batch}
                and parents._file_id = parts._file_id and parents.{same} = {own}
                and parents._row_status is distinct from parts._row_status
        """)


def _settle(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    raw: str,
    *,
    batch: int,
    changed: str | None,
    now: datetime,
) -> bool:
    of_table = f"files.source_name = {literal(contract.source)} and files.table_name = {literal(contract.table)}"
    withdrawn_files = f"select file_id from landing.files as files where {of_table} and status = 'withdrawn'"
    group, decision = "_row_key", "_row_hash = winner.content"
    if contract.key_lines == "lines":
        # what counts is one file's lines of a key, all of them
        group = r"regexp_replace(_row_key, '#[0-9]+$', '')"
        decision = "split_part(_row_hash, '-', 1) = split_part(winner.content, '-', 1)"
    if contract.delivery == "snapshot":
        candidates = "true"  # a new delivery decides on every key, also on those it omits
    else:
        # A key with one row needs no decision, unless that row's file was taken out of the count, or was
        # before.
        of_groups = f"where hash(_row_key) in ({changed})"
        if contract.key_lines == "lines":
            of_groups = f"where {group} in (select {group} from {raw} {of_groups})"
        connection.execute(f"""
            create or replace temp table landing_changed as
            select hash({group}) as key_hash from {raw}
            {of_groups if changed else ""}
            group by key_hash
            having count(*) > 1
                or bool_or(_row_status <> 'current')
                or bool_or(_file_id in ({withdrawn_files}))
        """)
        if connection.execute("select count(*) from landing_changed").fetchone() == (0,):
            return False  # rows of new keys are `current` already
        candidates = f"hash({group}) in (select key_hash from landing_changed)"
    scope = f"coalesce(raw_rows.{name(contract.key_scope)}::varchar, '')" if contract.key_scope else "''"
    version = f"raw_rows.{name(contract.version_column)}" if contract.version_column else "null::bigint"
    order = _order(contract)
    # files that say the same time in their names are parts of one snapshot
    snapshot = "coalesce(files.delivered_in_name::varchar, files.file_id)"
    newest_delivery = f"""(
        select max_by({snapshot}, ({order})) from landing.files as files
        where {of_table} and status = 'loaded'
    )"""
    may_win = f"{snapshot} = {newest_delivery}" if contract.delivery == "snapshot" else "true"
    connection.execute(f"""
        create or replace temp table landing_changes as
        with rows_of_keys as (
            select
                raw_rows.rowid as row_id, _row_key, _row_hash, _row_status, _file_id, _line, _batch,
                files.file_path, {version} as version, {scope} as scope, files.status = 'loaded' as is_loaded,
                {may_win} as may_win, {group} as key_group, ({order}) as delivery_order
            from {raw} as raw_rows
            inner join landing.files as files
                on files.file_id = raw_rows._file_id and {of_table}
            where {candidates}
        ),

        scoped as (
            select *, min(scope) over (partition by key_group) as kept_scope from rows_of_keys where is_loaded
        ),

        ranked as (
            select
                *,
                row_number() over (
                    partition by _row_key, _row_hash order by _batch, delivery_order, _line
                ) as occurrence,
                first_value(case when may_win then struct_pack(content := _row_hash) end) over (
                    partition by key_group
                    order by may_win desc, version desc nulls last, delivery_order desc, _line desc
                ) as winner
            from scoped
            where scope = kept_scope
        ),

        decided as (
            select
                row_id, _row_status, _file_id, _line,
                case
                    when occurrence > 1 then 'duplicate'
                    when {decision} then 'current'
                    else 'superseded'
                end as decision,
                null::varchar as kept_scope
            from ranked
            union all
            select row_id, _row_status, _file_id, _line, 'withdrawn', kept_scope
            from scoped
            where scope <> kept_scope
            union all
            select row_id, _row_status, _file_id, _line, 'withdrawn', null
            from rows_of_keys
            where not is_loaded
        )

        select * from decided where _row_status is distinct from decision or decision = 'withdrawn'
    """)
    # Rows whose claim on the key has ended leave quarantine, also where the contract has no scope any more; a row that
    # is still claimed gets its message again.
    quarantine = quarantine_table(contract)
    connection.execute(f"""
        delete from {quarantine} as quarantined
        using landing_changes as changes
        where quarantined.reason = '{reasons.KEY_COLLISION}'
            and quarantined.file_id = changes._file_id and quarantined.line = changes._line
    """)
    if contract.key_scope:
        declared = ", ".join(f"{literal(c.name)}, raw_rows.{name(c.name)}::varchar" for c in contract.columns)
        connection.execute(
            f"""
            insert into {quarantine}
            select
                raw_rows._file_id, files.file_path, raw_rows._line, {literal(contract.key_scope)},
                '{reasons.KEY_COLLISION}',
                'the key also comes from {contract.key_scope} ' || changes.kept_scope || ', which keeps '
                'it; expected a key '
                    || 'that no other {contract.key_scope} uses, such as one that begins with its name',
                json_object({declared}, '_extra', raw_rows._extra)::varchar, raw_rows._batch, ?
            from landing_changes as changes
            inner join {raw} as raw_rows on raw_rows.rowid = changes.row_id
            inner join landing.files as files
                on files.file_id = raw_rows._file_id and {of_table}
            where changes.kept_scope is not null
            """,
            [plain_utc(now)],
        )
    connection.execute(f"""
        update {raw} as raw_rows set _row_status = changes.decision, _changed_in = {batch}
        from landing_changes as changes
        where raw_rows.rowid = changes.row_id and changes._row_status is distinct from changes.decision
    """)
    connection.execute("drop table if exists landing_changed")
    connection.execute("drop table if exists landing_changes")
    return True
