"""Years with two digits: nobody is born after the file that says so."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from orchestration.lib.config.contracts import ColumnContract
from tests.orchestration.landing.conftest import ORDERS, Landing

TODAY = datetime.now(UTC).date()


def born(landing: Landing, column: ColumnContract, *texts: str) -> list[date | None]:
    landing.change(columns=(ORDERS.columns[0], column), version_column=None)
    rows = "".join(f'{number},"{text}"\n' for number, text in enumerate(texts))
    landing.write("people.csv", f"order_id,born_on\n{rows}")
    landing.land()
    return [found for (found,) in landing.rows("select born_on from RAW order by order_id::int")]


@pytest.mark.parametrize("data_type", ["date", "timestamp"])
@pytest.mark.parametrize("time_format", ["%d.%m.%y", "%-d.%-m.%y"])
def test_a_birth_is_in_the_hundred_years_that_are_over(landing: Landing, data_type: str, time_format: str) -> None:
    column = ColumnContract("born_on", data_type, personal=True, time_format=(time_format,))
    next_year, this_year = (f"01.01.{year % 100:02}" for year in (TODAY.year + 1, TODAY.year))
    found = born(landing, column, "29.02.68", "31.12.69", "01.02.99", "29.02.00", next_year, this_year)
    assert [one.year if one else None for one in found] == [*(1968, 1969, 1999, 2000, TODAY.year - 99, TODAY.year)]
    assert found[0] is not None
    assert (found[0].month, found[0].day) == (2, 29)


def test_a_year_in_full_is_taken_as_it_is_next_to_one_of_two_digits(landing: Landing) -> None:
    column = ColumnContract("born_on", "date", personal=True, time_format=("%d.%m.%Y", "%d.%m.%y"))
    found = born(landing, column, f"01.01.{TODAY.year + 20}", f"01.01.{(TODAY.year + 20) % 100}", "05.06.1957")
    assert found == [date(TODAY.year + 20, 1, 1), date(TODAY.year - 80, 1, 1), date(1957, 6, 5)]


def test_other_dates_may_be_to_come(landing: Landing) -> None:
    column = ColumnContract("born_on", "date", time_format=("%d.%m.%y",))
    assert born(landing, column, "01.02.68", "01.02.69") == [date(2068, 2, 1), date(1969, 2, 1)]
