"""Reports the KPIs to everyone who has a role at them: pages under the release, and mails if a server is set."""
