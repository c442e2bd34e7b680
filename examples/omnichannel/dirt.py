"""Declares how dirty the extracts are: every kind of dirt and its rate, in one place."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Dirt:
    """Rates between 0 and 1, each a share of what its line names; the truth's ledger says what was done."""

    duplicate_rows: float = 0.004
    """Rows delivered twice, word for word, now and then in another file."""
    late_rows: float = 0.004
    """Rows delivered one to six files after their own."""
    out_of_order_rows: float = 0.01
    """Rows that are away from their place in the file by up to two days."""
    broken_rows: float = 0.0008
    """Rows that break the contract: an impossible date, a number with a comma, a required value missing."""
    redelivered_files: float = 0.03
    """Files delivered again under another name, byte for byte."""
    typed_names: float = 0.05
    """CRM and loyalty records with a typing error in a name."""
    doubled_contacts: float = 0.04
    """People with a second contact in the CRM."""
    shared_tablets: float = 0.35
    """Households of two or more with a tablet that all of them use."""
    junk_emails: float = 0.015
    """CRM contacts under the made-up address that assistants type when they get none."""
    changed_emails: float = 0.04
    """People who change their e-mail address within the period."""
    never_log_in: float = 0.25
    """Account holders who never log in: guests at every checkout."""
    skewed_clocks: float = 0.02
    """Devices whose clock is wrong, by minutes up to days."""
    bot_visits: float = 0.02
    """Visits of bots, per visit of a person."""

    def scaled(self, factor: float) -> Dirt:
        """Every rate times `factor`, at most 0.95."""
        if factor < 0:
            raise ValueError(f"dirt={factor}: give 0 for clean extracts, 1 for the declared rates, 2 for double.")
        return Dirt(**{field.name: min(0.95, getattr(self, field.name) * factor) for field in fields(self)})
