"""How `make superset` runs Apache Superset: on this machine, over the current release, without any call elsewhere.

Superset reads this file (SUPERSET_CONFIG_PATH). The command passes folders and the secret key in the environment.
"""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(os.environ["SUPERSET_HOME"])
SERVED = Path(os.environ["JOURNEYS_SERVED"])

SECRET_KEY = (HOME / "secret_key").read_text(encoding="utf-8").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}?check_same_thread=false"
SQLALCHEMY_EXAMPLES_URI = SQLALCHEMY_DATABASE_URI

# Nothing that is shown comes from another machine: no fonts, no map tiles, no counting of installations.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
TALISMAN_DEV_CONFIG = TALISMAN_CONFIG
WTF_CSRF_ENABLED = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None

# One process, no broker: figures come from the release each time, which is as quick as a cache and never old.
KEPT_IN_MEMORY = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 86_400}
FILTER_STATE_CACHE_CONFIG = KEPT_IN_MEMORY
EXPLORE_FORM_DATA_CACHE_CONFIG = KEPT_IN_MEMORY
RATELIMIT_STORAGE_URI = "memory://"
FEATURE_FLAGS = {"ALERT_REPORTS": False, "DASHBOARD_RBAC": False}
# DuckDB is a file; a person with a right to add databases could else name any file of this machine.
PREVENT_UNSAFE_DB_CONNECTIONS = True
UPLOAD_FOLDER = str(HOME / "uploads")

# Connections are opened for each query and read the release that readers get at this moment: the file itself, since
# within one process DuckDB keeps what a link led to.
CONNECTION = {
    "read_only": True,
    "config": {
        # DuckDB 1.5 to 2.0 return wrong rows with it (duckdb#25819)
        "disabled_optimizers": "common_subplan",
        # SQL Lab reads the release and no other file
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    },
}


def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):
    """Has a connection to the release open the current one, read-only."""
    del username, security_manager, source
    if uri.get_backend_name() == "duckdb":
        uri = uri.set(database=str(SERVED.resolve()))
        params["connect_args"] = CONNECTION
    return uri, params
