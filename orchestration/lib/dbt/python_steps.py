"""Python steps: models whose rows a function of the project makes of other tables, between models in SQL.

A step is a model with the materialisation `python_step`. Its file has a query for each argument of a function, under
`{{ argument('name') }}`; under `meta.step` it says

    function  the function's full name. It takes an Arrow table for each argument and returns one with the model's rows.
    files     names of files in the folder of the data set's configuration; they may be missing. The function takes
              `files` as well, their paths by name.
    keeps     names of tables that the step writes next to its own, `<model>__<name>`, for its next run. The function
              takes `kept` as well, these tables by name as its last run with the same code and files left them, else
              nothing. It returns its rows and, by name, what to keep.

The process that runs dbt lends dbt the function (`let_models_run_python`); the materialisation writes what comes back.
docs/decisions/0022-a-python-step-is-a-model-that-calls-a-function.md says why.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib.core.imported_code import PROJECT_PACKAGE, ImportedCode, imported_code
from orchestration.lib.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import pyarrow as pa
    from dbt.contracts.graph.manifest import Manifest

PYTHON_STEP = "python_step"
# What the macro `argument` writes above each query.
ARGUMENT = re.compile(r"^-- argument (\w+)$", re.MULTILINE)
# The same before dbt compiles it, and the function's name, in a model's file.
ARGUMENT_OF_MODEL = re.compile(r"\{\{-? argument\('(\w+)'\) -?\}\}")
FUNCTION_OF_MODEL = re.compile(r"'function': '([\w.]+)'")
# The function in dbt's context that the materialisation calls.
IN_CONTEXT = "run_python_step"


class StepError(RuntimeError):
    """A Python step that is declared wrongly, or that failed; the message names model, function and cause."""


@dataclass(frozen=True)
class Step:
    """What a model says of its function: its full name, files of the configuration, and tables that it keeps."""

    function: str
    files: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()

    @classmethod
    def of(cls, node: Any) -> Step:
        declared = node.config.meta.get("step") or {}
        unknown = declared.keys() - {"function", "files", "keeps"}
        if unknown or "function" not in declared:
            raise StepError(
                f"{node.name} ({node.original_file_path}): meta.step has to name a function, and may have files and "
                f"keeps; it has {', '.join(sorted(declared)) or 'nothing'}."
            )
        return cls(declared["function"], tuple(declared.get("files", ())), tuple(declared.get("keeps", ())))

    @property
    def code(self) -> ImportedCode:
        return imported_code([self.function.rpartition(".")[0]])

    def digest(self, folder: Path) -> str:
        """A hash of all that the function's result follows from, its arguments apart: code, packages, and files."""
        code = self.code
        return _hash_of([*code.files, *(folder / name for name in self.files)], code.versions())

    def find(self, place: str) -> Callable[..., Any]:
        """The function. Raises StepError, which begins with `place`, where there is none."""
        module, _, name = self.function.rpartition(".")
        try:
            found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise StepError(f"{place}: there is no function {self.function} ({error}).") from error
        return found

    @property
    def takes(self) -> tuple[str, ...]:
        """What the function takes besides its arguments."""
        return (*(("files",) if self.files else ()), *(("kept",) if self.keeps else ()))


def code_of_steps(root: Path = PROJECT_ROOT) -> ImportedCode:
    """What the functions of all steps consist of, found in the models' files without dbt."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(root.glob("models/**/*.sql")))
    functions = {name for text in texts if PYTHON_STEP in text for name in FUNCTION_OF_MODEL.findall(text)}
    return imported_code([function.rpartition(".")[0] for function in functions], root)


def digests_of_steps(manifest: Manifest, folder: Path) -> dict[str, str]:
    """The digest of each step by its name in the manifest; `folder` holds the data set's configuration."""
    return {
        name: Step.of(node).digest(folder)
        for name, node in manifest.nodes.items()
        if node.config.materialized == PYTHON_STEP
    }


def _hash_of(files: list[Path], said: list[str]) -> str:
    digest = hashlib.sha256("\n".join(said).encode())
    for path in files:
        digest.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return digest.hexdigest()[:32]


def broken_steps(manifest: Manifest) -> Iterator[str]:
    """What is wrong in the declarations of Python steps, for people."""
    for node in manifest.nodes.values():
        if node.config.materialized != PYTHON_STEP:
            continue
        try:
            step = Step.of(node)
            step.find(node.name)
        except StepError as error:
            yield str(error)
            continue
        yield from _wrong_arguments(node, step, ARGUMENT_OF_MODEL.findall(node.raw_code))
        reads: Any = node.depends_on
        for read in reads.nodes:
            if read in manifest.nodes and manifest.nodes[read].config.materialized == "ephemeral":
                yield f"{node.name}: reads {read.split('.')[2]}, which is ephemeral; dbt would write it into one query"


def _wrong_arguments(node: Any, step: Step, names: list[str]) -> Iterator[str]:
    place = f"{node.name} ({node.original_file_path})"
    if len(names) != len(set(names)) or not names:
        yield f"{place}: give each argument of {step.function} one query, under {{{{ argument('…') }}}}."
    wanted, given = set(inspect.signature(step.find(place)).parameters), {*names, *step.takes}
    if wanted != given:
        yield f"{place}: {step.function} takes {_listed(wanted)}; the model gives {_listed(given)}."


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def let_models_run_python(folder: Path) -> None:
    """Has dbt in this process run Python steps; `folder` holds the data set's configuration."""
    from dbt.task.run import ModelRunner

    execute = ModelRunner._execute_model

    def execute_with_python(self: Any, hook_ctx: Any, config: Any, model: Any, context: dict, macro: Any) -> Any:
        if model.config.materialized != PYTHON_STEP:
            return execute(self, hook_ctx, config, model, context, macro)
        run = _Run(model, _exchange(self.adapter, model), folder)
        context[IN_CONTEXT] = run
        try:
            return execute(self, hook_ctx, config, model, context, macro)
        finally:
            run.exchange.forget()

    setattr(ModelRunner, "_execute_model", execute_with_python)  # noqa: B010  (mypy: a method)


@dataclass(frozen=True)
class _Run:
    """One run of a step, called by the materialisation."""

    model: Any
    exchange: DuckdbExchange | SparkExchange
    folder: Path

    def __call__(self, kept: Mapping[str, Any]) -> dict[str, str]:
        """Runs the function and returns the names of relations: `rows`, and `kept_<name>` of each table to keep.

        `kept` are the relations of the tables that its last run kept; none where it begins again.
        """
        from dbt_common.exceptions import DbtRuntimeError

        try:
            rows, keeps = self._result(kept)
        except StepError as error:
            raise DbtRuntimeError(str(error), node=self.model) from error
        made = {"rows": rows, **{f"kept_{name}": table for name, table in keeps.items()}}
        return {name: self.exchange.hand_over(f"{self.model.alias}__{name}", table) for name, table in made.items()}

    def _result(self, kept: Mapping[str, Any]) -> tuple[pa.Table, Mapping[str, pa.Table]]:
        step = Step.of(self.model)
        _, *parts = ARGUMENT.split(self.model.compiled_code)
        queries = {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}
        for wrong in _wrong_arguments(self.model, step, parts[::2]):
            raise StepError(wrong)
        given: dict[str, Any] = {name: self.exchange.read(query) for name, query in queries.items()}
        if step.files:
            given["files"] = {name: self.folder / name for name in step.files}
        if step.keeps:
            given["kept"] = {name: self.exchange.read(f"select * from {table}") for name, table in kept.items()}
        function = step.find(self.model.name)
        try:
            result = function(**given)
        except Exception as error:
            raise StepError(f"{step.function} failed: {type(error).__name__}: {error} ({_place_of(error)})") from error
        return result if step.keeps else (result, {})


def _place_of(error: Exception) -> str:
    """The last line of the project's own that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(str(PROJECT_ROOT / PROJECT_PACKAGE))]
    return f"{Path(own[-1].filename).relative_to(PROJECT_ROOT)}, line {own[-1].lineno}"


def _exchange(adapter: Any, model: Any) -> DuckdbExchange | SparkExchange:
    if adapter.type() == "spark":
        return SparkExchange(model.name)
    if adapter.type() != "duckdb":
        raise StepError(f"{model.name}: no exchange of rows with {adapter.type()} is written (python_steps.py).")
    return DuckdbExchange(adapter.connections.get_thread_connection().handle.cursor())


class DuckdbExchange:
    """How rows come out of DuckDB and back, on the connection of the model that runs: as Arrow tables, in memory."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._names: list[str] = []

    def read(self, query: str) -> pa.Table:
        """The rows of a query, in its order."""
        return self._cursor.query(query).to_arrow_table()

    def hand_over(self, name: str, table: pa.Table) -> str:
        """Makes rows readable in SQL for as long as the model runs, and returns under which name."""
        self._cursor.register(f"scratch_{name}", table)
        self._names.append(f"scratch_{name}")
        return self._names[-1]

    def forget(self) -> None:
        """Ends what `hand_over` began."""
        while self._names:
            self._cursor.unregister(self._names.pop())


class SparkExchange:
    """How rows come out of Spark and back, in the session of this process: as Arrow tables, in this machine's memory.

    What a step reads and gives is small beside events: identifiers and people that are compared. The server refuses a
    result of more bytes than its setting spark.driver.maxResultSize, and the step then fails with its message.
    """

    def __init__(self, step: str) -> None:
        from pyspark.sql import SparkSession

        self._step = step
        self._session: Any = SparkSession.builder.getOrCreate()
        self._names: list[str] = []

    def read(self, query: str) -> pa.Table:
        """The rows of a query, in its order."""
        from pyspark.errors import PySparkException

        try:
            return self._as_duckdb_gives_it(self._session.sql(query).toArrow())
        except PySparkException as error:
            if "maxResultSize" not in str(error):
                raise
            raise StepError(
                f"{self._step}: the rows of a Python step have to fit this machine, and those of an argument are more "
                "than the Spark server gives to one (spark.driver.maxResultSize). Set it higher on the server."
            ) from error

    @staticmethod
    def _as_duckdb_gives_it(table: pa.Table) -> pa.Table:
        """Times without a zone: all are UTC."""
        import pyarrow as pa

        for place, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type) and field.type.tz is not None:
                column = table.column(place).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
                table = table.set_column(place, field.name, column)
        return table

    def hand_over(self, name: str, table: pa.Table) -> str:
        """Makes rows readable in SQL for as long as the model runs, and returns under which name."""
        from pyspark.sql.pandas.types import from_arrow_schema

        # of an empty table it infers no columns
        given = table if table.num_rows else []
        frame = self._session.createDataFrame(given, schema=from_arrow_schema(table.schema))
        frame.createOrReplaceTempView(f"scratch_{name}")
        self._names.append(f"scratch_{name}")
        return self._names[-1]

    def forget(self) -> None:
        """Ends what `hand_over` began."""
        while self._names:
            self._session.catalog.dropTempView(self._names.pop())
