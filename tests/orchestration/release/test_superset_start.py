"""`make superset` without Superset: what it imports for a data set, and what a start that was ended leaves behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.cli import superset
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings

pytestmark = pytest.mark.xdist_group("published_examples")


@pytest.mark.parametrize("example", ["omnichannel", "complete_journey"])
def test_every_chart_of_a_journey_has_rows_and_phases_in_their_order(
    example: str, request: pytest.FixtureRequest
) -> None:
    settings: Settings = request.getfixturevalue(example)
    served = settings.serving / "customer_journeys.duckdb"
    assets: dict[str, Any] = {name: yaml.safe_load(text) for name, text in superset.read_assets(served).items()}
    datasets = {one["uuid"]: one for name, one in assets.items() if name.startswith("datasets/")}
    charts = [one for name, one in assets.items() if name.startswith("charts/")]
    filtered = 0
    with open_duckdb(served.resolve(), read_only=True) as release:
        for chart in charts:
            dataset = datasets[chart["dataset_uuid"]]
            source = f"({dataset['sql']})" if "sql" in dataset else f"{dataset['schema']}.{dataset['table_name']}"
            for one in chart["params"]["adhoc_filters"]:
                is_value = one["operator"] == "=="
                condition = f"{one['subject']} = ?" if is_value else f"{one['subject']} {one['operator']}"
                found = release.execute(
                    f"select count(*) from {source} where {condition}", [one["comparator"]] if is_value else []
                )
                assert found.fetchall() > [(0,)], (chart["slice_name"], one)
                filtered += 1
        for name, column, order in (
            ("agg_phases_daily", "phase", "journeys.dim_phases"),
            ("agg_funnel_steps", "step", "(select *, step_order as phase_order from journeys.agg_funnel_steps)"),
        ):
            [dataset] = [one for one in datasets.values() if one["table_name"] == name]
            told = release.execute(
                f"select data.journey_id, data.phase_id, max(data.{column}), "
                f"max_by(phase_order, places.journey_version) from ({dataset['sql']}) as data "
                f"inner join {order} as places using (journey_id, phase_id) group by all"
            ).fetchall()
            by_name = [(journey, phase) for journey, phase, shown, _ in sorted(told, key=lambda row: (row[0], row[2]))]
            by_order = [(journey, phase) for journey, phase, _, place in sorted(told, key=lambda row: (row[0], row[3]))]
            assert by_name == by_order != []
            described = {one["column_name"]: one["description"] for one in dataset["columns"]}
            columns = [row[0] for row in release.execute(f"describe {dataset['sql']}").fetchall()]
            assert list(described) == columns and all(described.values())
    assert filtered >= 4 and "{" not in "".join(chart["slice_name"] + chart["description"] for chart in charts)


def test_a_start_that_was_ended_before_its_end_is_begun_again(
    omnichannel: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted, failed, done, once more: a password is shown when it holds, and the database is then kept."""
    monkeypatch.setenv("JOURNEYS_VAR", str(tmp_path))
    monkeypatch.setenv("JOURNEYS_SERVING", str(omnichannel.serving))
    monkeypatch.delenv(superset.PASSWORD_VARIABLE, raising=False)
    monkeypatch.setenv(superset.PORT_VARIABLE, "48088")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gunicorn").touch()
    monkeypatch.setattr(superset, "PROGRAMS", tmp_path / "bin")
    monkeypatch.setattr(superset, "_become_server", lambda *arguments: 0)
    database = tmp_path / "superset" / "superset.db"
    passwords, found = list[str](), list[bool]()
    outcome: int | type[BaseException] = KeyboardInterrupt

    def prepare(arguments: object, *, input: str, **options: object) -> subprocess.CompletedProcess[str]:
        passwords.append(json.loads(input)["password"])
        found.append(database.exists())
        database.touch()
        if isinstance(outcome, int):
            return subprocess.CompletedProcess([], outcome, "", "a reason")
        raise outcome

    monkeypatch.setattr("orchestration.cli.superset.subprocess.run", prepare)
    with pytest.raises(KeyboardInterrupt):
        superset.command(port=None)
    outcome = 1
    assert superset.command(port=None) == 1
    assert "password" not in capsys.readouterr().out
    outcome = 0
    assert superset.command(port=None) == 0
    assert f"password {passwords[-1]} (shown only now)" in capsys.readouterr().out
    assert superset.command(port=None) == 0
    assert "shown only now" not in capsys.readouterr().out
    assert all(passwords[:3]) and passwords[3] == ""
    assert found == [False, False, False, True]
