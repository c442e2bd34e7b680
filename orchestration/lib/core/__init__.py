"""The ground floor: settings, connections, SQL spelling, the clock, locks. It imports nothing of the project."""
