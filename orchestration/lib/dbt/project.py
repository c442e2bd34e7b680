"""The parsed dbt project: one for all data sets, parsed again only after a change of code.

Which warehouse and which seeds a data set has is said when dbt builds: relations have the same names everywhere, and
every data set has all seeds. So what dbt parses depends on the code alone, and a data set with sources outside the
project (`own`, the folder of its resolved sources) is a project of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from orchestration.lib.core.locks import held
from orchestration.lib.core.settings import DUCKDB, PROJECT_ROOT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# What dbt parses.
PROJECT_FILES = (
    "dbt_project.yml",
    "profiles.yml",
    "models/**/*.sql",
    "models/**/*.yml",
    "models/**/*.md",
    "macros/**/*.sql",
    "own_sources/**/*.sql",
    "analyses/*",
    "seeds/*.yml",
    "tests/dbt/**/*.sql",
)
# What dbt keeps of its last parse, and what says where and of which bytes.
KEPT_PARSE = "partial_parse.msgpack"
KEPT_PARSE_IS = "partial_parse.sha256"
# Another process may be parsing; it takes longer than this only when something is wrong.
WAIT_SECONDS = 600


def read_variable(name: str) -> Any:
    """The value of a variable of dbt_project.yml. Raises KeyError for one that it does not have."""
    return yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"][name]


class ProjectInvalid(RuntimeError):
    """dbt can't parse the project; the message is dbt's."""


def target(own: Path | None = None, engine: str = DUCKDB) -> Path:
    """The folder that dbt parses into. What is parsed for another engine than DuckDB serves its builds alone."""
    name = ".dbt" if engine == DUCKDB else f".dbt.{engine}"
    return PROJECT_ROOT / "var" / (name if own is None else f"{name}-{own.name}")


def own_variables(own: Path | None) -> dict[str, str]:
    """The variable that has dbt read the models outside the project; none where there are none."""
    return {} if own is None else {"own_sources": own.relative_to(PROJECT_ROOT).as_posix()}


def command(name: str, *arguments: str, work: Path, writes_json: bool = False, engine: str = DUCKDB) -> list[str]:
    """A command of dbt on the project, for a process of ours that runs dbt itself; it writes into the folder `work`."""
    return [
        *("--log-level", "none", "--log-level-file", "none", "--no-use-colors"),
        *(() if writes_json else ("--no-write-json",)),
        name,
        "--no-send-anonymous-usage-stats",
        *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)),
        *("--target-path", str(work), "--log-path", str(work), "--target", engine),
        *arguments,
    ]


def project_digest(own: Path | None = None) -> str:
    """A hash of all that dbt parses."""
    digest = hashlib.sha256()
    found = [path for pattern in PROJECT_FILES for path in PROJECT_ROOT.glob(pattern)]
    if own is not None:
        found += [path for path in own.rglob("*") if path.is_file()]
    for path in sorted(found):
        digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def parsed_project(
    own: Path | None = None, *, engine: str = DUCKDB, progress: Callable[[str], None] = lambda message: None
) -> tuple[str, Manifest]:
    """The parsed project and the digest of its files. `manifest.json` is that of the same files afterwards.

    Raises ProjectInvalid.
    """
    digest = project_digest(own)
    folder = target(own, engine)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / ".lock", wait_seconds=WAIT_SECONDS):
        is_new = not _is_written(digest, folder)
        if is_new:
            progress("dbt reads the project")
        with own_parse(folder):
            manifest = _parse(own, folder, engine, writes_json=is_new)
        (folder / "parsed").write_text(_stamp(digest, folder), encoding="utf-8")
    return digest, manifest


@contextlib.contextmanager
def own_parse(work: Path) -> Iterator[None]:
    """Has dbt parse again in a `with` block where what it kept in a folder is damaged, or of a project elsewhere.

    dbt trusts what it kept: of a copied or moved project it would read the seeds of the old one, and changed bytes
    that can still be unpacked would be the project.
    """
    kept, note = work / KEPT_PARSE, work / KEPT_PARSE_IS
    if not note.is_file() or note.read_bytes() != _kept_parse_is(kept):
        kept.unlink(missing_ok=True)
    try:
        yield
    finally:
        # a full disk is said by what comes next
        with contextlib.suppress(OSError):
            now = _kept_parse_is(kept)
            if not note.is_file() or note.read_bytes() != now:
                note.write_bytes(now)


def _kept_parse_is(kept: Path) -> bytes:
    content = kept.read_bytes() if kept.is_file() else b""
    return hashlib.sha256(str(PROJECT_ROOT).encode() + b"\0" + content).hexdigest().encode()


def ensure_manifest(own: Path | None = None, *, progress: Callable[[str], None] = lambda message: None) -> Path:
    """Has dbt parse the project where its manifest is missing or older than the code, and returns its path."""
    if not _is_written(project_digest(own), target(own)):
        parsed_project(own, progress=progress)
    return target(own) / "manifest.json"


def read_dbt_manifest(own: Path | None = None) -> dict[str, Any]:
    """The manifest that dbt wrote when it last parsed the project. It is written again where its file is damaged."""
    path = target(own) / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        (target(own) / "parsed").unlink(missing_ok=True)
        return json.loads(ensure_manifest(own).read_text(encoding="utf-8"))


def _is_written(digest: str, folder: Path) -> bool:
    stamp = folder / "parsed"
    manifest = folder / "manifest.json"
    return manifest.exists() and stamp.exists() and stamp.read_bytes() == _stamp(digest, folder).encode()


def _stamp(digest: str, folder: Path) -> str:
    """What the parsed files are, and the bytes of the manifest that dbt wrote of them."""
    return f"{digest} {hashlib.sha256((folder / 'manifest.json').read_bytes()).hexdigest()}"


def _parse(own: Path | None, folder: Path, engine: str, *, writes_json: bool) -> Manifest:
    from dbt.cli.main import dbtRunner

    # without a variable for the project alone: another one has dbt parse all of it again
    variables = ["--vars", json.dumps(own_variables(own))] if own is not None else []
    result = dbtRunner().invoke(command("parse", *variables, work=folder, writes_json=writes_json, engine=engine))
    if not result.success:
        raise ProjectInvalid(str(result.exception))
    return cast("Manifest", result.result)
