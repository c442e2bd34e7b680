"""Prepares Superset's own database and imports dashboards. It runs in Superset's environment.

Standard input is JSON: `password`, the administrator's, so that no list of processes shows it (empty: it remains what
it is, and none is made), and `contents`, the text of each file to import by its name.
"""

from __future__ import annotations

import json
import sys

ADMIN = "admin"


def main() -> None:
    given = json.load(sys.stdin)
    from superset.app import create_app

    with create_app().app_context():
        import flask_migrate
        from superset import security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.extensions import appbuilder, db
        from superset.utils.core import override_user

        flask_migrate.upgrade()
        # what `superset init` does
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        admin = security_manager.find_user(ADMIN)
        if admin is None:
            if not given["password"]:
                raise SystemExit("there is no administrator and no password for one; set JOURNEYS_SUPERSET_PASSWORD")
            role = security_manager.find_role("Admin")
            admin = security_manager.add_user(
                ADMIN, "Journey", "Warehouse", "admin@localhost", role, password=given["password"]
            )
            assert admin, "the administrator could not be made"
        elif given["password"]:
            security_manager.reset_password(admin.id, given["password"])
        with override_user(admin):
            ImportAssetsCommand(given["contents"]).run()
        db.session.commit()


if __name__ == "__main__":
    main()
