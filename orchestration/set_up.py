"""Installs the project's packages into .venv, once per state of requirements.lock.

Runs under whatever Python the newcomer has, so it is written for old ones: no annotations, no f-strings.
"""

import hashlib
import os
import subprocess
import sys

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements.lock")
STAMP = os.path.join(VENV, "installed")


def main():
    if sys.version_info < NEEDED:
        sys.exit(
            "Python %s.%s was found as %s; Journey Warehouse needs %s.%s or newer. "
            "Install one and name it: make run PYTHON=python3.12"
            % (sys.version_info[0], sys.version_info[1], sys.executable, NEEDED[0], NEEDED[1])
        )
    with open(LOCK, "rb") as lock:
        wanted = hashlib.sha256(lock.read() + sys.version.encode()).hexdigest()
    if os.path.exists(STAMP):
        with open(STAMP) as stamp:
            if stamp.read() == wanted:
                return
    print("Setting up .venv (once; about a minute) ...", flush=True)
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python):
        run([sys.executable, "-m", "venv", VENV], "python3 -m venv failed; on Debian and Ubuntu install python3-venv.")
    run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", LOCK],
        "The packages could not be installed; see the lines above. Is the Python registry reachable?",
    )
    with open(STAMP, "w") as stamp:
        stamp.write(wanted)


def run(command, explanation):
    if subprocess.call(command) != 0:
        sys.exit(explanation)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped; .venv is not complete. The next make sets it up.", file=sys.stderr)
        sys.exit(130)
