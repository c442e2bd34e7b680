"""Draws people who are hard to distinguish, and the careless records that systems keep of them, with the answer.

Households share surname, address, telephone and sometimes a mailbox; some have twins, some a parent and a child of one
name; common names meet in one city; systems write default birth dates. Shares no code with what it tests.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

FIRST = (
    "Jan", "Piet", "Kees", "Anna", "Maria", "Johanna", "Willem", "Hendrik", "Sophie", "Emma", "Julia", "Lotte",
    "Sanne", "Daan", "Sem", "Lucas", "Levi", "Finn", "Noah", "Milan", "Thomas", "Tim", "Lars", "Thijs", "Jesse",
    "Ruben", "Bram", "Mees", "Tess", "Fleur", "Eva", "Sara", "Lisa", "Isa", "Noor", "Mila", "Zoe", "Fatima",
    "Mohammed", "Ahmed", "Yusuf", "Naima", "Samira", "Karim", "Peter", "Paul", "Mark", "Erik", "Marieke",
    "Monique", "Esther", "Ingrid", "Astrid", "Wouter", "Jeroen", "Marcel", "Martijn", "Dennis", "Robert",
    "Richard", "Karin", "Petra", "Linda", "Sandra", "Anja", "Gerard", "Johan", "Cornelis", "Adriaan", "Geert",
    "Joost", "Pieter", "Maarten", "Simone", "Ilse",
)  # fmt: skip
LAST = (
    "Jong", "Jansen", "Vries", "Berg", "Bakker", "Dijk", "Visser", "Smit", "Meijer", "Boer", "Mulder", "Groot",
    "Bos", "Vos", "Peters", "Hendriks", "Leeuwen", "Dekker", "Brouwer", "Wit", "Dijkstra", "Smits", "Graaf",
    "Meer", "Linden", "Kok", "Jacobs", "Haan", "Vermeulen", "Heuvel", "Veen", "Broek", "Bruijn", "Heijden",
    "Schouten", "Beek", "Willems", "Vliet", "Ven", "Hoekstra", "Maas", "Verhoeven", "Koster", "Dam", "Wal",
    "Prins", "Blom", "Huisman", "Peeters", "Kuipers", "Veenstra", "Kuiper", "Post", "Kramer", "Scholten",
    "Wijk", "Postma", "Martens", "Vink", "Timmermans", "Groen", "Gerritsen", "Jonker", "Loon", "Boer",
    "Willemsen", "Hermans", "Koning",
)  # fmt: skip
PARTICLE = ("", "", "", "de ", "van ", "van de ", "van der ", "van den ")
CITY = (
    "Amsterdam", "Rotterdam", "Utrecht", "Eindhoven", "Groningen", "Tilburg", "Almere", "Breda", "Nijmegen",
    "Apeldoorn", "Haarlem", "Arnhem", "Enschede", "Amersfoort", "Zaandam", "Zwolle", "Leiden", "Maastricht",
    "Dordrecht", "Ede", "Alkmaar", "Emmen", "Delft", "Deventer", "Sittard", "Hilversum", "Heerlen",
)  # fmt: skip
STREET = (
    "Kerkstraat", "Dorpsstraat", "Molenweg", "Singel", "Hoofdstraat", "Schoolstraat", "Marktplein",
    "Stationsweg", "Oudegracht", "Beukenhof", "Parkweg", "Nieuwstraat", "Wilhelminaweg", "Julianalaan",
    "Beatrixstraat", "Eikenlaan", "Lindelaan", "Kastanjelaan", "Havenkade", "Raadhuisplein",
)  # fmt: skip
DOMAIN = ("gmail.com", "hotmail.com", "outlook.com", "ziggo.nl", "kpnmail.nl", "live.nl", "xs4all.nl")


@dataclass(frozen=True)
class Carelessness:
    """How records come to differ from the person: chances per field and record."""

    typo: float = 0.08
    missing: float = 0.15
    swapped_names: float = 0.02
    another_value: float = 0.08
    initial_only: float = 0.03
    default_birth_date: float = 0.01
    wrong_birth_date: float = 0.06
    shared_mailbox: float = 0.3
    shared_telephone: float = 0.5
    # false: who reads the household's mailbox has a telephone of their own
    shares_both: bool = True
    records_most: int = 4
    left_out: tuple[str, ...] = ()


FIELDS = (
    "first_name", "last_name", "birth_date", "street", "postcode", "city", "email_normalised", "phone_normalised",
)  # fmt: skip


def draw_people(people: int, carelessness: Carelessness, *, seed: int) -> tuple[pa.Table, dict[str, str]]:
    """Records in the columns of int_people_versions, in mixed order, and whose record each key is."""
    chance = random.Random(seed)
    rows: list[dict] = []
    truth: dict[str, str] = {}
    number = 0
    while number < people:
        for person in _household(chance, number, carelessness):
            for _ in range(chance.choice([1, 1, 1, *range(2, carelessness.records_most + 1)])):
                key = f"{chance.getrandbits(128):032x}"
                truth[key] = f"p{number}"
                rows.append({"person_key_hash": key, **_written(person, carelessness, chance)})
            number += 1
    chance.shuffle(rows)
    names = ("person_key_hash", *FIELDS)
    types = [pa.date32() if name == "birth_date" else pa.string() for name in names]
    schema = pa.schema(list(zip(names, types, strict=True)))
    return pa.Table.from_pylist(rows, schema=schema), truth


def _household(chance: random.Random, number: int, carelessness: Carelessness) -> list[dict]:
    city_number = min(int(chance.expovariate(0.15)), len(CITY) - 1)
    home = {
        "last_name": chance.choice(PARTICLE) + LAST[min(int(chance.expovariate(0.06)), len(LAST) - 1)],
        "street": f"{chance.choice(STREET)} {chance.randint(1, 250)}",
        "postcode": f"{1000 + city_number * 300 + chance.randint(0, 299)} {''.join(chance.choices('ABCDEFGHJ', k=2))}",
        "city": CITY[city_number],
    }
    born = date(1940, 1, 1) + timedelta(days=chance.randint(0, 22000))
    telephone = f"+3120{chance.randint(1000000, 9999999)}"
    mailbox = f"fam.{home['last_name'].replace(' ', '').lower()}{chance.randint(1, 999)}@{chance.choice(DOMAIN)}"
    kind = chance.choices(("single", "couple", "family", "twins", "namesakes"), (60, 22, 15, 2, 1))[0]
    births = {
        "single": [born],
        "couple": [born, born + timedelta(days=chance.randint(-1500, 1500))],
        "family": [born, born + timedelta(days=500), born + timedelta(days=10500), born + timedelta(days=11500)],
        "twins": [born, born],
        "namesakes": [born, born + timedelta(days=chance.randint(8000, 13000))],
    }[kind]
    found = []
    name = chance.choice(FIRST)
    names = {name}
    for place, birth in enumerate(births):
        if place and kind != "namesakes":
            name = chance.choice([other for other in FIRST if other not in names])
            names.add(name)
        shares = len(births) > 1 and chance.random() < carelessness.shared_mailbox
        flat = home["last_name"].replace(" ", "").lower()
        found.append(
            home
            | {
                "first_name": name,
                "birth_date": birth,
                "email_normalised": mailbox
                if shares
                else chance.choice(
                    (
                        f"{name.lower()}.{flat}{number + place}@{chance.choice(DOMAIN)}",
                        f"{name[0].lower()}{flat}{chance.randint(1, 99)}@{chance.choice(DOMAIN)}",
                    )
                ),
                "phone_normalised": telephone
                if chance.random() < carelessness.shared_telephone and (carelessness.shares_both or not shares)
                else f"+316{chance.randint(10000000, 99999999)}",
            }
        )
    return found


def _written(person: Mapping, carelessness: Carelessness, chance: random.Random) -> dict:
    record = dict(person)
    for name in FIELDS:
        if name in carelessness.left_out or chance.random() < carelessness.missing * (
            0.3 if name in ("first_name", "last_name") else 1
        ):
            record[name] = None
    if chance.random() < carelessness.swapped_names:
        record["first_name"], record["last_name"] = record["last_name"], record["first_name"]
    if chance.random() < carelessness.initial_only and record["first_name"]:
        record["first_name"] = record["first_name"][0] + "."
    if chance.random() < carelessness.another_value:
        record["email_normalised"] = f"{chance.choice(FIRST).lower()}{chance.randint(1, 9999)}@{chance.choice(DOMAIN)}"
    if chance.random() < carelessness.another_value:
        record["phone_normalised"] = f"+316{chance.randint(10000000, 99999999)}"
    if chance.random() < carelessness.another_value:
        record["street"] = f"{chance.choice(STREET)} {chance.randint(1, 250)}"
        record["postcode"] = f"{chance.randint(1000, 9999)} {chance.choice('ABCDEFGHJ')}{chance.choice('ABCDEFGHJ')}"
        record["city"] = chance.choice(CITY)
    if record["birth_date"] and chance.random() < carelessness.default_birth_date:
        record["birth_date"] = date(1900, 1, 1)
    elif record["birth_date"] and chance.random() < carelessness.wrong_birth_date:
        record["birth_date"] = _misread(record["birth_date"], chance)
    for name in ("first_name", "last_name", "street", "city", "email_normalised", "phone_normalised"):
        if record[name] and chance.random() < carelessness.typo:
            record[name] = _mistyped(record[name], chance)
    return {name: record[name] for name in FIELDS}


def _misread(born: date, chance: random.Random) -> date:
    kind = chance.randint(0, 3)
    if kind == 0 and born.day <= 12:
        return date(born.year, born.day, born.month)
    if kind == 1:
        return date(born.year, born.month, chance.randint(1, 28))
    if kind == 2:
        return date(born.year + chance.choice((-10, -1, 1, 10)), born.month, min(born.day, 28))
    return date(chance.randint(1940, 2000), chance.randint(1, 12), chance.randint(1, 28))


def _mistyped(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    letter = chance.choice("0123456789" if text[place].isdigit() else "abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        (
            text[:place] + letter + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + letter + text[place:],
            text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :],
        )
    )
