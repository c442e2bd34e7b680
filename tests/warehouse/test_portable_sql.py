"""Models compiled for Spark are SQL that Databricks' dialect has, and sqlglot writes them as Trino's.

No server is asked. What has no words in Trino is in a table of docs/portability.md, and nothing else is.
"""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from tests.spark_session import skip_without_spark
from tests.warehouse.spark_copy import Model, compiled_models

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

# A row of the table in docs: what sqlglot says, and how many models it says it of.
ROW = re.compile(r"^\| `([^`]+)` \| (\d+) \|", re.MULTILINE)
FUNCTION = re.compile(r"^\| `(\w+)` \| [^|]+ \|$", re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    skip_without_spark()


@pytest.fixture(scope="module")
def compiled() -> dict[str, Model]:
    return compiled_models(PROJECT_ROOT / "var" / ".dbt-spark", read_settings({}))


@pytest.fixture(scope="module")
def page() -> str:
    return (PROJECT_ROOT / "docs" / "portability.md").read_text(encoding="utf-8").partition("## Other engines")[2]


def as_trino(sql: str) -> list[str]:
    """Statements of Databricks' dialect as Trino's. Raises ParseError, and UnsupportedError for what Trino has not."""
    import sqlglot

    statements = sqlglot.parse(sql, dialect="databricks", error_level=sqlglot.ErrorLevel.RAISE)
    return [
        statement.sql(dialect="trino", unsupported_level=sqlglot.ErrorLevel.RAISE, max_unsupported=1000)
        for statement in statements
        if statement is not None
    ]


def test_what_trino_has_no_words_for_is_what_the_docs_say(compiled: dict[str, Model], page: str) -> None:
    from sqlglot.errors import UnsupportedError

    found = defaultdict(set)
    for model in compiled.values():
        try:
            as_trino(model.sql)
        except UnsupportedError as error:
            for line in filter(None, (line.strip() for line in str(error).splitlines())):
                found[line.rstrip(".")].add(model.name)
    documented = {message: int(count) for message, count in ROW.findall(page)}
    assert {message: len(names) for message, names in found.items()} == documented


def test_functions_that_sqlglot_does_not_know_are_what_the_docs_say(compiled: dict[str, Model], page: str) -> None:
    import sqlglot
    from sqlglot.expressions import Anonymous

    found = {
        function.name.lower()
        for model in compiled.values()
        for statement in filter(None, sqlglot.parse(model.sql, dialect="databricks"))
        for function in statement.find_all(Anonymous)
    }
    assert found == set(FUNCTION.findall(page))


@pytest.mark.parametrize("sql", ["select from t where", "select a from t cluster by", "select (a from t"])
def test_what_is_no_statement_is_refused(sql: str) -> None:
    from sqlglot.errors import ParseError

    with pytest.raises(ParseError):
        as_trino(sql)


@pytest.mark.parametrize("sql", ["select named_struct('a', b) as c from t", "select concat_ws(',', a, b) from t"])
def test_what_trino_has_no_words_for_is_refused(sql: str) -> None:
    from sqlglot.errors import UnsupportedError

    with pytest.raises(UnsupportedError):
        as_trino(sql)
