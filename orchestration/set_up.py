"""Installs the project's packages into .venv, once per state of their lock file; with `spark` those of Spark as well.

Runs under whatever Python the newcomer has, so it is written for old ones: no annotations, no f-strings.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, "requirements.lock")
STAMP = os.path.join(VENV, "installed")
# What Spark needs besides. Its packages have the versions of the project's where both name one.
SPARK_LOCK = os.path.join(ROOT, "requirements-spark.lock")
SPARK_STAMP = os.path.join(VENV, "installed-spark")
JAVA_NEEDED = 17
# The first that the machine's packages have: Debian 12 has 17, Debian 13 has 21.
JAVA_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")


def main(wanted=()):
    if sys.version_info < NEEDED:
        sys.exit(
            "Python %s.%s was found as %s; Journey Warehouse needs %s.%s or newer. "
            "Install one and name it: make run PYTHON=python3.12"
            % (sys.version_info[0], sys.version_info[1], sys.executable, NEEDED[0], NEEDED[1])
        )
    install(LOCK, STAMP, "Setting up .venv (once; about a minute) ...")
    if "spark" in wanted:
        install(SPARK_LOCK, SPARK_STAMP, "Installing Spark into .venv (once; about two minutes) ...")
        need_java()


def install(lock_file, stamp_file, words):
    with open(lock_file, "rb") as lock:
        wanted = hashlib.sha256(lock.read() + sys.version.encode()).hexdigest()
    if os.path.exists(stamp_file):
        with open(stamp_file) as stamp:
            if stamp.read() == wanted:
                return
    print(words, flush=True)
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python):
        run([sys.executable, "-m", "venv", VENV], "python3 -m venv failed; on Debian and Ubuntu install python3-venv.")
    run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock_file],
        "The packages could not be installed; see the lines above. Is the Python registry reachable?",
    )
    with open(stamp_file, "w") as stamp:
        stamp.write(wanted)


def need_java():
    """Installs Debian's Java where there is none and this user may; else says what to type."""
    if java_version() >= JAVA_NEEDED:
        return
    apt = shutil.which("apt-get")
    if os.environ.get("JAVA_HOME") or apt is None:
        sys.exit(
            "Spark needs Java %s or newer, and %s. Install a JRE of version 17 or 21 and name its folder: "
            "JAVA_HOME=/path/to/jre"
            % (
                JAVA_NEEDED,
                "JAVA_HOME=%s has none" % os.environ["JAVA_HOME"]
                if os.environ.get("JAVA_HOME")
                else "there is none along PATH",
            )
        )
    if os.geteuid() != 0:
        sys.exit(
            "Spark needs Java %s or newer, and installing it needs the rights of root. Type: sudo apt-get install %s"
            % (JAVA_NEEDED, " or ".join(JAVA_PACKAGES))
        )
    cure = "Install a JRE of version 17 or 21, and name its folder if it is not along PATH: JAVA_HOME=/path/to/jre"
    said = "Java could not be installed; see the lines above. " + cure
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run([apt, "update", "-qq"], said, environment)
    offered = [name for name in JAVA_PACKAGES if is_offered(name)]
    if not offered:
        sys.exit("The package sources of this machine have neither %s. %s" % (" nor ".join(JAVA_PACKAGES), cure))
    print("Installing Java (%s) ..." % offered[0], flush=True)
    run([apt, "install", "-y", "-qq", "--no-install-recommends", offered[0]], said, environment)


def is_offered(package):
    """Whether the machine's package sources have it."""
    asked = subprocess.Popen(
        ["apt-cache", "--quiet=2", "show", package], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return bool(asked.communicate()[0].strip()) and asked.returncode == 0


def java_version():
    """The version of the java that Spark would run on; 0 for none."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    if java is None:
        return 0
    said = subprocess.Popen([java, "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).communicate()[0]
    found = re.search(r'version "(?:1\.)?(\d+)', said.decode("utf-8", "replace"))
    return int(found.group(1)) if found else 0


def run(command, explanation, environment=None):
    if subprocess.call(command, env=environment) != 0:
        sys.exit(explanation)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        print("\nStopped; .venv is not complete. The next make sets it up.", file=sys.stderr)
        sys.exit(130)
