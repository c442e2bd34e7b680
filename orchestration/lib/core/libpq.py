"""Says where libpq would connect to: what a URL leaves open comes from a service file or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# What a URL may leave open, and the variable that libpq takes it from.
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
}
UNKNOWN_SERVICE = "unknown_service"


def completed(given: Mapping[str, str]) -> dict[str, str]:
    """What a URL names, with what libpq adds: from the service that the URL or PGSERVICE names, then the environment.

    Where no file that we find has the service, its name is in `unknown_service`: libpq may know more places.
    """
    service = given.get("service") or os.environ.get("PGSERVICE")
    of_service = _read_service(service) if service else {}
    found = dict(given)
    for name, variable in _VARIABLES.items():
        text = given.get(name) or (of_service or {}).get(name) or os.environ.get(variable)
        if text:
            found[name] = text
    if service and of_service is None:
        found[UNKNOWN_SERVICE] = service
    return found


def _read_service(name: str) -> dict[str, str] | None:
    """What a service file says of a service; None where it is in no file. As libpq reads it: the first line counts."""
    own = os.environ.get("PGSERVICEFILE")
    paths = [Path(own) if own else Path.home() / ".pg_service.conf"]
    if common := os.environ.get("PGSYSCONFDIR"):
        paths.append(Path(common) / "pg_service.conf")
    for path in paths:
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError):
            continue
        found: dict[str, str] | None = None
        for line in lines:
            if line.startswith("["):
                if found is not None:
                    break
                if line.startswith(f"[{name}]"):
                    found = {}
            elif found is not None and not line.startswith("#"):
                key, _, text = line.partition("=")
                found.setdefault(key, text)
        if found is not None:
            return found
    return None
