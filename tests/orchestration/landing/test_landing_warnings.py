"""What is suspicious about a file that lands is noted, and its rows land all the same."""

from __future__ import annotations

import json

import pytest

from .conftest import Landing


def warnings(landing: Landing) -> list[tuple]:
    return landing.rows(
        "select place, kind, column_name, row_count, message from landing.warnings order by place, column_name"
    )


def rows_of(kind: str, columns: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    if kind == "csv":
        return "\n".join(",".join(row) for row in (columns, *rows)) + "\n"
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_misspelt_optional_column_is_noted_with_its_guess(landing, kind):
    misspelt = ("order_id", "ordered_at", "amuont")
    landing.write(f"a.{kind}", rows_of(kind, misspelt, ("a", "2026-01-01", "1"), ("b", "2026-01-01", "2")))
    # two of one kind are read in one statement: what the other one has says nothing about this one
    other = ("order_id", "ordered_at", "amount", "item_cuont")
    landing.write(f"b.{kind}", rows_of(kind, other, ("c", "2026-01-01", "1", "2")))
    result = landing.land()
    assert (result.files_loaded, result.rows_current) == (2, 3)
    [amount, count] = warnings(landing)
    assert amount[:4] == (f"shop/orders/a.{kind}", "misspelt_column", "amount", 2)
    assert amount[4].startswith("2 rows have no amount; is it `amuont`? Then name it amount in the file")
    assert "_shop__sources.yml line 5" in amount[4]
    assert count[:4] == (f"shop/orders/b.{kind}", "misspelt_column", "item_count", 1)
    assert "1 row has no item_count; is it `item_cuont`?" in count[4]


def test_a_column_that_is_there_or_like_none_is_not_noted(landing):
    landing.write("a.csv", "order_id,ordered_at,amount,amounts\na,2026-01-01,1,2\n")
    landing.write("b.csv", "order_id,ordered_at,shipped_by\nb,2026-01-01,x\n")
    landing.write("c.csv", "order_id,ordered_at,amuont\n")
    landing.land()
    assert warnings(landing) == []
