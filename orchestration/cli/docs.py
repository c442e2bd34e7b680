"""`make docs`: dbt's pages of the data set as one file, which a browser opens from the disk."""

from __future__ import annotations

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings, shown_path


def command() -> int:
    """Write dbt's pages of the data set into one file.

    They have every table and column with its description, and the graph of models.
    """
    from orchestration.cli.dbt import run_dbt_command
    from orchestration.lib.dbt.pages import write_page

    settings = announced(read_settings())
    code = run_dbt_command(settings, ["docs", "generate", "--static"])
    if code:
        return code
    page = write_page(settings.dbt_target)
    print(f"{shown_path(page)} is written. Open it in a browser: {page.as_uri()}")
    return 0
