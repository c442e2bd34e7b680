"""The parsed dbt project: one for all data sets, parsed again only after a change of code.

Which warehouse and which seeds a data set has is said when dbt builds: relations have the same names everywhere, and
every data set has all seeds. So what dbt parses depends on the code alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from orchestration.lib.core.locks import held
from orchestration.lib.core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# What dbt parses.
PROJECT_FILES = (
    "dbt_project.yml",
    "profiles.yml",
    "models/**/*.sql",
    "models/**/*.py",
    "models/**/*.yml",
    "models/**/*.md",
    "macros/**/*.sql",
    "analyses/*",
    "seeds/*.yml",
    "tests/dbt/**/*.sql",
)
# Another process may be parsing; it takes longer than this only when something is wrong.
WAIT_SECONDS = 600


class ProjectInvalid(RuntimeError):
    """dbt can't parse the project; the message is dbt's."""


def target() -> Path:
    """The folder that dbt parses into."""
    return PROJECT_ROOT / "var" / ".dbt"


def command(name: str, *arguments: str, work: Path, writes_json: bool = False) -> list[str]:
    """A command of dbt on the project, for a process of ours that runs dbt itself; it writes into the folder `work`."""
    return [
        *("--log-level", "none", "--log-level-file", "none", "--no-use-colors"),
        *(() if writes_json else ("--no-write-json",)),
        name,
        "--no-send-anonymous-usage-stats",
        *("--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)),
        *("--target-path", str(work), "--log-path", str(work)),
        *arguments,
    ]


def project_digest() -> str:
    """A hash of all that dbt parses."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in PROJECT_FILES for path in PROJECT_ROOT.glob(pattern)):
        digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def parsed_project(*, progress: Callable[[str], None] = lambda message: None) -> tuple[str, Manifest]:
    """The parsed project and the digest of its files. `manifest.json` is that of the same files afterwards.

    Raises ProjectInvalid.
    """
    digest = project_digest()
    target().mkdir(parents=True, exist_ok=True)
    with held(target() / ".lock", wait_seconds=WAIT_SECONDS):
        is_new = not _is_written(digest)
        if is_new:
            progress("dbt reads the project")
        manifest = _parse(writes_json=is_new)
        (target() / "parsed").write_text(digest, encoding="utf-8")
    return digest, manifest


def ensure_manifest(*, progress: Callable[[str], None] = lambda message: None) -> Path:
    """Has dbt parse the project where its manifest is missing or older than the code, and returns its path."""
    if not _is_written(project_digest()):
        parsed_project(progress=progress)
    return target() / "manifest.json"


def read_dbt_manifest() -> dict[str, Any]:
    """The manifest that dbt wrote when it last parsed the project."""
    return json.loads((target() / "manifest.json").read_text(encoding="utf-8"))


def _is_written(digest: str) -> bool:
    stamp = target() / "parsed"
    return (target() / "manifest.json").exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest


def _parse(*, writes_json: bool) -> Manifest:
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(command("parse", work=target(), writes_json=writes_json))
    if not result.success:
        raise ProjectInvalid(str(result.exception))
    return cast("Manifest", result.result)
