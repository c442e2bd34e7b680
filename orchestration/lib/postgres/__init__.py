"""The tables of a release in a PostgreSQL server, for those who need one: staged, then changed in one transaction."""
