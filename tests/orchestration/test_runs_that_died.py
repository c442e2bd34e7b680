"""A run whose process was killed holds nobody up, and old runs are forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from orchestration.cli.preparing import INSTANCE_SETTINGS
from orchestration.defs.automation import heartbeat as beats
from orchestration.defs.automation.heartbeat import HEARTBEAT, dead_runs_ended, end_dead_runs, heartbeat
from orchestration.defs.automation.run_history import forget_old_runs
from orchestration.defs.naming import WAREHOUSE_POOL
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings

HEADER = "event_id,occurred_at,event_name,source_system,identifiers\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "extracts").mkdir()
    settings = read_settings({"JOURNEYS_EXTRACTS": str(tmp_path / "extracts"), "JOURNEYS_VAR": str(tmp_path / "var")})
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text(INSTANCE_SETTINGS, encoding="utf-8")
    return settings


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        instance.event_log_storage.set_concurrency_slots(WAREHOUSE_POOL, 1)
        yield instance


def under_way(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    """A run that has the one place in the pool."""
    run = instance.add_run(dg.DagsterRun(job_name="refresh", status=dg.DagsterRunStatus.STARTED, tags=tags))
    instance.event_log_storage.claim_concurrency_slot(WAREHOUSE_POOL, run.run_id, "land")
    return run


def note_process(instance: dg.DagsterInstance, run: dg.DagsterRun, number: int) -> None:
    """What the process of a run says first when the daemon has started it."""
    instance.report_engine_event(f"Started process for run (pid: {number}).", run, EngineEventData.in_process(number))


def places_taken(instance: dg.DagsterInstance) -> int:
    return instance.event_log_storage.get_concurrency_info(WAREHOUSE_POOL).active_slot_count


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def killed() -> int:
    process = sleeper()
    process.kill()
    process.wait()
    return process.pid


def a_zombie() -> int:
    """Killed, and nobody has asked yet how it ended."""
    process = sleeper()
    process.kill()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # only then may the test end and reap it
    a_zombie.kept = process  # type: ignore[attr-defined]
    return process.pid


@pytest.mark.parametrize(
    "process", [killed, pytest.param(a_zombie, marks=pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"))]
)
def test_a_run_of_the_daemon_whose_process_is_gone_gives_its_place_back(
    settings: Settings, instance: dg.DagsterInstance, process: Callable[[], int]
) -> None:
    run = under_way(instance)
    note_process(instance, run, process())
    said: list[str] = []
    assert end_dead_runs(instance, settings.dagster_home, said.append) == []
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert places_taken(instance) == 0
    assert said == [f"  note: run {run.run_id[:8]} was killed before its end; this run continues from what is complete"]
    said.clear()
    end_dead_runs(instance, settings.dagster_home, said.append)
    assert said == []


def test_a_run_whose_number_is_now_another_processs_is_dead(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = sleeper()
    try:
        run = under_way(instance)
        note_process(instance, run, process.pid)
        [alive] = end_dead_runs(instance, settings.dagster_home, lambda line: None)
        assert alive.run_id == run.run_id
        # as if the process had begun an hour after the note
        monkeypatch.setattr(beats, "CLOCK_SECONDS", -3600)
        assert end_dead_runs(instance, settings.dagster_home, lambda line: None) == []
    finally:
        process.kill()
        process.wait()


def test_a_run_that_has_only_begun_is_given_time(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = under_way(instance)
    assert len(end_dead_runs(instance, settings.dagster_home, lambda line: None)) == 1
    monkeypatch.setattr(beats, "STARTING_SECONDS", 0)
    assert end_dead_runs(instance, settings.dagster_home, lambda line: None) == []
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE


def test_who_waits_sees_that_the_run_before_it_was_killed(settings: Settings, instance: dg.DagsterInstance) -> None:
    """The other run lives when the waiting begins: a look before the start alone would wait for ever."""
    code = (
        "import sys, time; from pathlib import Path; from orchestration.defs.automation.heartbeat import heartbeat\n"
        "with heartbeat(Path(sys.argv[1])) as name: print(name, flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(settings.dagster_home)], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    other = under_way(instance, **{HEARTBEAT: holder.stdout.readline().strip()})
    is_ended, said = threading.Event(), []

    def says(line: str) -> None:
        said.append(line)
        if "was killed" in line:
            is_ended.set()

    with (
        heartbeat(settings.dagster_home) as own,
        dead_runs_ended(instance, settings.dagster_home, own, says, every=0.05),
    ):
        assert [line for line in said if "is under way; this one waits for it" in line] == said
        assert f"run {other.run_id[:8]}" in said[0]
        assert places_taken(instance) == 1
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert is_ended.wait(60)
        assert places_taken(instance) == 0
    assert len(said) == 2, "each line once"


def test_old_runs_are_forgotten_with_their_files(settings: Settings, instance: dg.DagsterInstance) -> None:
    @dg.op
    def makes(context) -> None:
        context.log_event(dg.AssetMaterialization("made", metadata={"run": context.run_id}))
        for check in ("one", "another"):
            context.log_event(dg.AssetCheckEvaluation(asset_key=dg.AssetKey("made"), check_name=check, passed=True))
        # a check of a source that is gone since
        if not instance.get_runs(limit=2)[1:]:
            context.log_event(dg.AssetCheckEvaluation(asset_key=dg.AssetKey("made"), check_name="gone", passed=False))

    @dg.job
    def job() -> None:
        makes()

    kept = 5
    settings = read_settings(
        {
            "JOURNEYS_EXTRACTS": str(settings.extracts),
            "JOURNEYS_VAR": str(settings.var),
            "JOURNEYS_RUNS_KEPT": str(kept),
        }
    )

    def files() -> int:
        return sum(path.stat().st_size for path in settings.home.rglob("*") if path.is_file())

    sizes, ids = [], []
    for _ in range(50):
        ids.append(job.execute_in_process(instance=instance).run_id)
        (settings.dbt_target / f"build_warehouse-{ids[-1][:7]}-1234567").mkdir(parents=True)
        forget_old_runs(instance, settings)
        sizes.append(files())
    assert {run.run_id for run in instance.get_runs()} == set(ids[-kept:])
    assert {path.name.split(".")[0] for path in (settings.dagster_home / "history" / "runs").glob("*.db")} == {
        "index",
        *ids[-kept:],
    }
    assert len(list(settings.dbt_target.iterdir())) == kept
    assert sizes[-1] <= 1.1 * sizes[2 * kept], "nothing grows with the number of runs"
    made = instance.get_latest_materialization_event(dg.AssetKey("made"))
    assert made is not None and made.run_id == ids[-1]
    verdicts = {
        check: [one.run_id for one in instance.event_log_storage.get_asset_check_execution_history(key, limit=100)]
        for check in ("one", "another", "gone")
        for key in [dg.AssetCheckKey(dg.AssetKey("made"), check)]
    }
    assert verdicts == {"one": ids[: -kept - 1 : -1], "another": ids[: -kept - 1 : -1], "gone": [ids[0]]}


@pytest.mark.long
def test_a_second_run_goes_on_when_the_first_is_killed(tmp_path: Path) -> None:
    """Both with the real command; the first is killed while the second waits."""
    events = tmp_path / "extracts" / "feed" / "events"
    events.mkdir(parents=True)
    (events / "1.csv").write_text(
        HEADER + 'e1,2026-01-05T10:00:00Z,order_placed,till,"{""email"": ""ann@example.com""}"\n', encoding="utf-8"
    )

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "orchestration", "run"],
            cwd=PROJECT_ROOT,
            env={
                **os.environ,
                "JOURNEYS_EXTRACTS": str(tmp_path / "extracts"),
                "JOURNEYS_VAR": str(tmp_path / "var"),
                "JOURNEYS_SERVING": str(tmp_path / "serving"),
                "JOURNEYS_AS_OF": "2026-02-01",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def read_until(process: subprocess.Popen[str], text: str) -> str:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if text in line:
                return said
        raise AssertionError(f"{text!r} was not said: {said}")

    first = start()
    read_until(first, "dbt: ")
    second = start()
    read_until(second, "is under way; this one waits for it")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    rest, _ = second.communicate(timeout=600)
    assert second.returncode == 0, rest
    assert "was killed before its end" in rest
    assert (tmp_path / "serving" / "customer_journeys.duckdb").exists()
