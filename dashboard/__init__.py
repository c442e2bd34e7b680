"""The dashboard: pages over the current release, for people who look at pictures."""
