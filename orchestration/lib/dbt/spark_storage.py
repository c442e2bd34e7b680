"""Lends the macros of Spark's materialisations the folders of tables, as `spark_storage` in dbt's context."""

from __future__ import annotations

import importlib
from typing import Any

from orchestration.lib.spark.storage import Storage

IN_CONTEXT = "spark_storage"


def let_models_write(storage: Storage) -> None:
    """Has models, seeds and tests that dbt runs in this process find where tables lie; one statement costs one call."""
    from dbt.task import run, test

    for module in (run, test):
        made_by_dbt = module.generate_runtime_model_context

        def with_storage(*given: Any, made_by_dbt: Any = made_by_dbt, **named: Any) -> dict[str, Any]:
            context: dict[str, Any] = made_by_dbt(*given, **named)
            # the macros of a context hold the dictionary itself
            context[IN_CONTEXT] = storage
            return context

        setattr(module, "generate_runtime_model_context", with_storage)  # noqa: B010  (mypy: a function)
    _keep_one_session()


def _keep_one_session() -> None:
    """dbt-spark asks for a session and says all settings again before each statement, which is a call each."""
    # not everybody has it installed
    session: Any = importlib.import_module("dbt.adapters.spark.session")
    ask = session.SparkSession.builder.getOrCreate
    kept: list[Any] = []

    class Builder:
        def enableHiveSupport(self) -> Builder:
            return self

        def config(self, name: str, value: str) -> Builder:
            if not kept:
                session_of_process.conf.set(name, value)
            return self

        def getOrCreate(self) -> Any:
            kept[:] = [session_of_process]
            return session_of_process

    session_of_process = ask()

    class Sessions:
        builder = Builder()

    setattr(session, "SparkSession", Sessions)  # noqa: B010  (mypy: a type)
