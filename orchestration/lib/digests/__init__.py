"""Tells everyone who has a role at a KPI how it stands: pages under the release, and mails where a server is set."""
