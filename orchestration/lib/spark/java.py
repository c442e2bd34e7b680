"""Finds the Java that Spark runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

# What Spark 4 needs.
NEEDED = 17
VERSION = re.compile(r'version "(?:1\.)?(\d+)')
WAY_OUT = (
    "On Debian and Ubuntu: sudo apt-get install openjdk-17-jre-headless (or -21-). Elsewhere install a JDK or JRE of "
    "version 17 or 21 and name its folder: JAVA_HOME=/path/to/jdk"
)


class SparkError(RuntimeError):
    """Spark, or what it runs on, is not as it has to be; the message says what was found and what to do."""


def find_java(environment: Mapping[str, str] | None = None) -> Path:
    """The program java, by JAVA_HOME or along PATH. Raises SparkError where there is none, or one that is too old."""
    environment = os.environ if environment is None else environment
    home = environment.get("JAVA_HOME", "").strip()
    found = shutil.which("java", path=str(Path(home) / "bin") if home else environment.get("PATH"))
    if found is None:
        where = f"in JAVA_HOME={home}" if home else "along PATH, and JAVA_HOME is not set"
        raise SparkError(f"Spark needs Java {NEEDED} or newer, and there is no java {where}. {WAY_OUT}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = VERSION.search(said.stderr + said.stdout)
    if said.returncode != 0 or version is None:
        raise SparkError(f"{found} does not run ({(said.stderr or 'it says nothing').strip()[:200]}). {WAY_OUT}")
    if int(version[1]) < NEEDED:
        raise SparkError(f"Spark needs Java {NEEDED} or newer; {found} is version {version[1]}. {WAY_OUT}")
    return Path(found)
