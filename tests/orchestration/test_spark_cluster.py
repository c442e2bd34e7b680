"""What keeps Spark from starting is said in a sentence: no Java, a port in use, too little memory, no such target."""

from __future__ import annotations

import re
import runpy
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError, read_settings, read_spark_cluster
from orchestration.lib.spark import cluster as cluster_module
from orchestration.lib.spark.catalog import _server, check_answering, check_executors, without_stack
from orchestration.lib.spark.cluster import parts_of, start, stop
from orchestration.lib.spark.java import SparkError, find_java


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SparkError, match=r"there is no java along PATH.*sudo apt-get install openjdk-17-jre-headless"):
        find_java({"PATH": str(tmp_path)})
    with pytest.raises(SparkError, match="there is no java in JAVA_HOME=/nowhere"):
        find_java({"PATH": "/usr/bin", "JAVA_HOME": "/nowhere"})


def test_an_old_java_and_one_that_does_not_run_are_named(tmp_path: Path) -> None:
    java = program(tmp_path / "bin" / "java", "echo 'openjdk version \"1.8.0_392\"' >&2")
    with pytest.raises(SparkError, match=f"{java} is version 8"):
        find_java({"JAVA_HOME": str(tmp_path)})
    program(java, "echo no such library >&2; exit 127")
    with pytest.raises(SparkError, match=f"{java} does not run .no such library"):
        find_java({"JAVA_HOME": str(tmp_path)})
    program(java, "echo 'openjdk version \"21.0.2\" 2024-01-16' >&2")
    assert find_java({"JAVA_HOME": str(tmp_path)}) == java


def test_set_up_says_what_to_type_where_it_may_not_install_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_java = runpy.run_path(str(PROJECT_ROOT / "orchestration" / "set_up.py"))["need_java"]
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"there is none along PATH.*JAVA_HOME="):
        need_java()
    program(tmp_path / "apt-get", "exit 1")
    monkeypatch.setitem(
        need_java.__globals__, "os", SimpleNamespace(**{**vars(need_java.__globals__["os"]), "geteuid": lambda: 1000})
    )
    with pytest.raises(SystemExit, match="sudo apt-get install openjdk-17-jre-headless or openjdk-21-jre-headless"):
        need_java()


@pytest.mark.parametrize("offered", ["openjdk-17-jre-headless", "openjdk-21-jre-headless", ""])
def test_set_up_installs_the_java_that_the_machine_has_packages_of(
    offered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    need_java = runpy.run_path(str(PROJECT_ROOT / "orchestration" / "set_up.py"))["need_java"]
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}")
    program(tmp_path / "apt-get", 'echo "apt-get $*"')
    # the package that is offered is the last word of what is asked
    program(tmp_path / "apt-cache", f'[ "$3" = "{offered}" ] && echo "Package: $3"; exit 0')
    monkeypatch.setitem(
        need_java.__globals__, "os", SimpleNamespace(**{**vars(need_java.__globals__["os"]), "geteuid": lambda: 0})
    )
    if offered:
        need_java()
        assert f"install -y -qq --no-install-recommends {offered}" in capfd.readouterr().out
        return
    with pytest.raises(SystemExit, match=r"have neither openjdk-17.* nor openjdk-21.*JAVA_HOME="):
        need_java()


def test_workers_of_a_running_cluster_that_have_ended_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = read_spark_cluster({})
    closed = {cluster.master_port + 2}
    started: list[str] = []
    monkeypatch.setattr(cluster_module, "find_java", lambda: Path("java"))
    monkeypatch.setattr(cluster_module, "_spark_home", lambda: Path("spark"))
    monkeypatch.setattr(cluster_module, "is_answering", lambda cluster: True)
    monkeypatch.setattr(cluster_module, "_is_open", lambda port: port not in closed)
    monkeypatch.setattr(cluster_module, "_start_part", lambda cluster, part, **_: started.append(part.name))
    monkeypatch.setattr(cluster_module, "_wait_for_executors", lambda cluster: started.append("waited"))
    said: list[str] = []
    start(cluster, progress=said.append)
    assert started == ["worker 2", "waited"]
    assert said == ["Spark is up; starting its worker 2 again, which had ended"]


class Executors:
    """A session whose executors take their first task after so many seconds."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.tags: list[str] = []
        self.interrupted: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Executors]:
        return lambda *arguments: self

    def addTag(self, tag: str) -> None:
        self.tags.append(tag)

    def interruptTag(self, tag: str) -> None:
        self.interrupted.append(tag)

    def toArrow(self) -> None:
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error


def test_a_server_without_executors_is_not_waited_for_without_an_end() -> None:
    check_executors(Executors(0), "sc://127.0.0.1:15002")
    left = Executors(5)
    with pytest.raises(SparkError, match=r"no executor took a task within 0 s.*make spark-up"):
        check_executors(left, "sc://127.0.0.1:15002;token=secret", seconds=0.2)
    assert left.interrupted == left.tags != []
    with pytest.raises(OSError, match="gone"):
        check_executors(Executors(0, OSError("gone")), "sc://127.0.0.1:15002")


def test_a_server_has_one_lock_however_it_is_named() -> None:
    names = ("sc://127.0.0.1:15002", "sc://127.0.0.1", "sc://localhost:15002", "sc://localhost/;token=secret")
    assert len({_server(name) for name in names}) == 1
    assert _server("sc://127.0.0.1:15003") != _server(names[0])
    assert _server("sc://no-such-host.invalid") == "no-such-host.invalid:15002"


def test_both_lock_files_have_the_same_versions() -> None:
    """Spark's packages come into the environment of the project: another version there would change the project's."""
    pinned = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)", re.MULTILINE)
    versions: list[dict[str, set[str]]] = []
    for name in ("requirements.lock", "requirements-spark.lock"):
        found: dict[str, set[str]] = {}
        for package, version in pinned.findall((PROJECT_ROOT / name).read_text(encoding="utf-8")):
            found.setdefault(package, set()).add(version)
        versions.append(found)
    project, spark = versions
    assert {"dbt-spark", "pyspark", "grpcio"} <= spark.keys()
    differing = {name: (project[name], spark[name]) for name in project.keys() & spark.keys()}
    assert {name: pair for name, pair in differing.items() if not pair[1] <= pair[0]} == {}
    assert "://" not in (PROJECT_ROOT / "requirements-spark.lock").read_text(encoding="utf-8")


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"TARGET=trino: no engine of that name builds the models. Choose one of duck"
    ):
        read_settings({"JOURNEYS_TARGET": "trino"})
    assert read_settings({}).target == "duckdb"
    assert read_settings({"JOURNEYS_TARGET": "Spark"}).target == "spark"


@pytest.mark.parametrize(
    "remote", ["127.0.0.1:15002", "http://cluster:15002", "sc://", "sc://host:x", "sc://host:99999"]
)
def test_the_address_of_a_server_is_checked(remote: str) -> None:
    with pytest.raises(SettingsError, match=r"JOURNEYS_SPARK_REMOTE=.*such as sc://spark.example.com:15002"):
        read_settings({"JOURNEYS_TARGET": "spark", "JOURNEYS_SPARK_REMOTE": remote})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("JOURNEYS_SPARK_PORT", "99999", "a whole number from 1024 to 65530"),
        ("JOURNEYS_SPARK_PAGES_PORT", "80", "a whole number from 1024 to 65530"),
        ("JOURNEYS_SPARK_EXECUTOR_MEMORY", "100MB", "a size of at least 512MB"),
        ("JOURNEYS_SPARK_EXECUTOR_MEMORY", "25%", "a size of at least 512MB"),
        ("JOURNEYS_SPARK_CLUSTER", "yarn", "standalone, local"),
    ],
)
def test_settings_of_the_cluster_are_checked(name: str, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}={text}: .*{said}"):
        read_spark_cluster({name: text})


def test_a_cluster_that_is_not_there_is_named_with_the_way_to_start_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SparkError, match=f"No Spark server answers at sc://127.0.0.1:{port} .*make spark-up"):
        check_answering(f"sc://127.0.0.1:{port}")


@pytest.mark.parametrize("remote", ["sc://127.0.0.1:1/;use_ssl=true;token=secret", "sc://127.0.0.1:1/;token=secret"])
def test_no_message_shows_the_token_of_a_server(remote: str) -> None:
    with pytest.raises(SparkError, match=r"No Spark server answers at sc://127\.0\.0\.1:1 ") as refused:
        check_answering(remote)
    settings = read_settings({"JOURNEYS_TARGET": "spark", "JOURNEYS_SPARK_REMOTE": remote})
    with pytest.raises(SettingsError) as unread:
        read_settings({"JOURNEYS_TARGET": "spark", "JOURNEYS_SPARK_REMOTE": remote.replace(":1/", ":99999/")})
    assert "secret" not in f"{refused.value} {unread.value} {settings}"


def test_a_port_in_use_and_too_little_memory_are_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = program(tmp_path / "jre" / "bin" / "java", "echo 'openjdk version \"17.0.1\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    monkeypatch.setattr(cluster_module, "_spark_home", lambda: tmp_path)
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        cluster = replace(
            read_spark_cluster({"JOURNEYS_SPARK_HOME": str(tmp_path / "spark"), "JOURNEYS_SPARK_CLUSTER": "local"}),
            port=taken.getsockname()[1],
            pages_port=free.getsockname()[1],
        )
        with pytest.raises(SparkError, match=rf"Port {cluster.port} of Spark's server is in use .*JOURNEYS_SPARK_PORT"):
            start(cluster)
    with pytest.raises(SparkError, match=r"The cluster needs \d+ MB, 10000000 MB of them .* \d+ MB are free"):
        start(replace(cluster, executor_mb=10_000_000))
    assert not (tmp_path / "spark").exists()


def test_a_cluster_that_ends_leaves_no_rows(tmp_path: Path) -> None:
    cluster = read_spark_cluster({"JOURNEYS_SPARK_HOME": str(tmp_path)})
    for folder in ("tmp", "work", "logs"):
        (tmp_path / folder / "blockmgr").mkdir(parents=True)
    assert stop(cluster) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"logs"}


@pytest.mark.parametrize("kind", ["standalone", "local"])
def test_every_process_listens_on_loopback_and_can_be_found_again(kind: str) -> None:
    cluster = read_spark_cluster({"JOURNEYS_SPARK_CLUSTER": kind})
    for part in parts_of(cluster):
        words = " ".join(part.command)
        assert "127.0.0.1" in words
        # daemons get the mark from SPARK_DAEMON_JAVA_OPTS
        assert part.name != "server" or words.count(f"-Djourneys.cluster={cluster.folder}/") == 2


def test_a_message_of_spark_ends_where_its_plan_begins() -> None:
    said = (
        "[TABLE_OR_VIEW_NOT_FOUND] The table `x` cannot be found. SQLSTATE: 42P01; line 12 pos 5;\n'Project [*]\n+- 'x"
    )
    assert without_stack(said).endswith("SQLSTATE: 42P01; line 12 pos 5")
    said = (
        "[DIVIDE_BY_ZERO] Division by zero.\n\nJVM stacktrace:\norg.apache.spark.SparkArithmeticException\n\tat org.x"
    )
    assert without_stack(said) == "[DIVIDE_BY_ZERO] Division by zero."
