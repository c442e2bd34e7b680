"""Whose a folder of Spark's tables is: a marker in it names the data set's home, and nothing is removed without it."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestration.lib.spark.java import SparkError

MARKER = ".journeys_spark_tables"
# The folder of tables within a data set's home, which is that data set's in any case.
WITHIN_HOME = "spark"
# In the home: where the folder is, for a build by DuckDB, whose settings do not say.
NOTE_OF_FOLDER = "spark_folder"


def claim(tables: Path, home: Path) -> None:
    """Marks a folder as that of a data set's tables. Raises SparkError where it is another's, or holds other files."""
    marker = tables / MARKER
    is_own = tables == home / WITHIN_HOME
    if marker.exists():
        owner = marker.read_text(encoding="utf-8").strip()
        if owner != str(home) and not is_own:
            raise SparkError(
                f"The folder {tables} holds Spark's tables of the data set in {owner}, not of {home}. Name another "
                f"folder in JOURNEYS_SPARK_TABLES; if the data set was moved, write its new place into {marker}."
            )
    elif not is_own and tables.is_dir() and any(tables.iterdir()):
        raise SparkError(
            f"The folder {tables} is not empty and has no {MARKER}, so its files may be others'. Name another "
            "folder in JOURNEYS_SPARK_TABLES, or empty this one."
        )
    tables.mkdir(parents=True, exist_ok=True)
    marker.write_text(f"{home}\n", encoding="utf-8")
    home.mkdir(parents=True, exist_ok=True)
    (home / NOTE_OF_FOLDER).write_text(f"{tables}\n", encoding="utf-8")


def give_up(home: Path) -> None:
    """Removes the folder of a data set's tables, which hold people in clear, once DuckDB builds. No other's folder."""
    note = home / NOTE_OF_FOLDER
    if not note.exists():
        return
    tables = Path(note.read_text(encoding="utf-8").strip())
    if is_claimed(tables) and (tables / MARKER).read_text(encoding="utf-8").strip() == str(home):
        remove_below(tables, tables)
    note.unlink()


def is_claimed(tables: Path) -> bool:
    return (tables / MARKER).is_file()


def remove_below(tables: Path, folder: Path) -> None:
    """Removes a folder within a folder of tables. Raises SparkError where that one has no marker."""
    if not is_claimed(tables):
        raise SparkError(f"Nothing in {tables} is removed: it has no {MARKER}, so its files may be others'.")
    shutil.rmtree(folder, ignore_errors=True)
