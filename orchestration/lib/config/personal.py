"""Which names of columns and properties sound as if their values were about a person."""

from __future__ import annotations

import re

_PERSONAL = re.compile(
    r"(^|_)(e_?mail|mail|phone|mobile|cell|tel|telephone|telefon|telefoon|handy|fax|first_?name|last_?name|full_?name|"
    r"surname|given_?name|family_?name|vorname|nachname|achternaam|voornaam|prenom|apellido|street|strasse|straat|rue|"
    r"address\d?|adresse|adres|address_?line\d?|birth\w*|geburt\w*|geboorte\w*|dob|iban|ip|ip_address|latitude|"
    r"longitude|note|notes|comment|comments|remark|remarks|message|text|body|subject|passport|ssn|handle|username)($|_)"
)
_NAMES_OF_PERSONS = re.compile(
    r"(^|_)(billing|shipping|billing_details|customer|client|contact|requester|submitter|assignee|recipient|buyer|guest|"
    r"member|user|author|sender|kunden?)_?(name|id|number|no|nr)$"
)
# Words after which a value is of few, and says nothing of a person: email_type, message_count.
_OF_A_KIND = re.compile(r"_(type|kind|count|status|category|language|template|number_of)$")


def may_name_a_person(name: str) -> bool:
    """Whether values under a name may name a person, or be words that a person wrote.

    >>> [may_name_a_person(name) for name in ("e_mail", "customer_name", "message_type", "product_name")]
    [True, True, False, False]
    """
    return not _OF_A_KIND.search(name) and bool(_PERSONAL.search(name) or _NAMES_OF_PERSONS.search(name))
