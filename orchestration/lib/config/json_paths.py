"""Reads the paths with which a contract finds a value inside of nested JSON.

`$.requester.email` steps into objects, `$.tags[0]` takes an element of an array by its place, and
`$.custom_fields[id=360042].value` the first element whose member has the value: so a list of keys and values is read as
if it were an object. Keys with other characters than letters, digits, `_` and `-` are quoted: `$."e-mail address"`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(
    r"""\.(?:(?P<key>[\w-]+)|"(?P<quoted>[^"\\]+)")
      | \[(?P<place>\d+)\]
      | \[(?:(?P<member>[\w-]+)|"(?P<quoted_member>[^"\\]+)")=(?:"(?P<quoted_value>[^"\\]*)"|(?P<value>[^\]"]+))\]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Step:
    """A step of a path: to the value of a `key`, to the element at a `place`, or to that whose `member` is `value`."""

    key: str | None = None
    place: int | None = None
    member: str | None = None
    value: str | None = None


def read_path(text: str) -> tuple[Step, ...]:
    """The steps of a path. The first one is a key: a column of the file, or a key of its objects.

    >>> [step.key for step in read_path('$.requester.email')]
    ['requester', 'email']
    `$` alone is the value itself: it has no steps.

    >>> read_path('$.fields[id=7].value')[1]
    Step(key=None, place=None, member='id', value='7')

    Raises ValueError for what is no such path.
    """
    steps = []
    position = 1 if text.startswith("$") else -1
    while 0 <= position < len(text):
        found = _STEP.match(text, position)
        if not found:
            position = -1
            break
        key = found["key"] or found["quoted"]
        if key:
            steps.append(Step(key=key))
        elif found["place"] is not None:
            steps.append(Step(place=int(found["place"])))
        else:
            value = found["quoted_value"] if found["quoted_value"] is not None else found["value"].strip()
            steps.append(Step(member=found["member"] or found["quoted_member"], value=value))
        position = found.end()
    if position < 0 or (steps and steps[0].key is None):
        raise ValueError(f"{text!r} is no path")
    return tuple(steps)
