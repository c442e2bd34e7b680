"""Draws published tables with their keys, and which column names a row of which other table.

Tables that others refer to stand to the left of those that refer to them. A reference is written out in its row as
well, so the picture can be read without following a line. The line of a join that may find no row there is dashed.
Tables that nothing leads to or from are listed below by schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

BOX, GAP_X, GAP_Y, ROW, HEAD, EDGE = 340, 90, 18, 17, 24, 24
LISTED = 330
# Of each schema a colour: in the light and in the dark, with text that can be read on both.
COLOURS = (
    ("#0b5cad", "#86b7f5"), ("#147a5b", "#6fd0ab"), ("#a3244a", "#f29ab3"), ("#7a4fa3", "#c8a6ee"),
    ("#8a5a00", "#e9bd62"), ("#4a5568", "#b3bdcb"),
)  # fmt: skip
SWEEPS = 6


@dataclass(frozen=True)
class Entity:
    """A table: its key, the columns that name rows of others (column, table, column there), and how many it has.

    `joins` are columns, one or several, with the table that has them for its key, if it has that row.
    """

    label: str
    key: tuple[str, ...]
    references: tuple[tuple[str, str, str], ...]
    column_count: int
    joins: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def schema(self) -> str:
        return self.label.partition(".")[0]

    @property
    def targets(self) -> list[str]:
        """The tables that it leads to."""
        return [*(target for _, target, _ in self.references), *(target for _, target in self.joins)]

    @property
    def rows(self) -> list[tuple[str, str, bool]]:
        """The lines of its box: column, the table that it names, and whether it is of the key.

        A join of several columns has a line of its own.
        """
        named = {_named(columns): target for columns, target in self.joins}
        named |= {column: target for column, target, _ in self.references}
        columns = [*self.key, *(column for column in named if column not in self.key)]
        return [(column, named.get(column, ""), column in self.key) for column in columns]

    @property
    def more_count(self) -> int:
        """How many of its columns its box does not name."""
        joined = {column for columns, _ in self.joins for column in columns}
        return max(0, self.column_count - len({*self.key, *(column for column, _, _ in self.references), *joined}))

    @property
    def height(self) -> float:
        return HEAD + ROW * (len(self.rows) + (1 if self.more_count else 0)) + 4


def _named(columns: Sequence[str]) -> str:
    """Columns of a join as its line names them: the first and the last of more than two."""
    return ", ".join(columns if len(columns) <= 2 else (columns[0], "…", columns[-1]))


def draw_entities(entities: Sequence[Entity]) -> str:
    """The diagram as SVG that brings its colours for light and dark along."""
    joined = {entity.label for entity in entities if entity.targets}
    joined |= {target for entity in entities for target in entity.targets}
    shown = [entity for entity in entities if entity.label in joined]
    schemas = sorted({entity.schema for entity in entities})
    colour = {schema: number % len(COLOURS) for number, schema in enumerate(schemas)}
    places, height = _places(shown)
    width = max((x + BOX for x, _ in places.values()), default=0) + EDGE
    width = max(width, 2 * EDGE + 3 * LISTED)
    lines = [_line(entity, places, colour) for entity in shown]
    boxes = [_box(entity, *places[entity.label], colour[entity.schema]) for entity in shown]
    alone = [entity for entity in entities if entity.label not in joined]
    listed, bottom = _listed(alone, schemas, colour, height + 30, width)
    styles = "".join(f".s{n}{{fill:{light}}}.t{n}{{stroke:{light}}}" for n, (light, _) in enumerate(COLOURS))
    in_the_dark = "".join(f".s{n}{{fill:{dark}}}.t{n}{{stroke:{dark}}}" for n, (_, dark) in enumerate(COLOURS))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {bottom:.0f}" width="{width:.0f}" '
        f'height="{bottom:.0f}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" '
        'font-size="12">\n'
        '<title id="title">Published tables, their keys, and which column names a row of which table</title>\n'
        "<style>.back{fill:#fff}.card{fill:#f7f9fb}.text{fill:#1c2430}.muted{fill:#5b6675}.head{fill:#fff}"
        f".line{{fill:none;stroke-width:1.4;opacity:.55}}{styles}"
        "@media (prefers-color-scheme:dark){.back{fill:#15181d}.card{fill:#1f242b}.text{fill:#e8eaee}"
        f".muted{{fill:#a5afbd}}.head{{fill:#15181d}}{in_the_dark}}}</style>\n"
        f'<rect class="back" width="100%" height="100%"/>\n'
        + "\n".join([line for line in lines if line] + boxes + listed)
        + "\n</svg>\n"
    )


def _layers(entities: Sequence[Entity]) -> dict[str, int]:
    """How many references lead from a table to the left, at most; a circle of references is cut where it is met."""
    targets = {entity.label: [one for one in entity.targets if one != entity.label] for entity in entities}
    layers: dict[str, int] = {}

    def layer(label: str, above: frozenset[str]) -> int:
        if label not in layers:
            open_ones = [one for one in targets.get(label, ()) if one not in above]
            layers[label] = max((layer(one, above | {label}) + 1 for one in open_ones), default=0)
        return layers[label]

    for entity in entities:
        layer(entity.label, frozenset({entity.label}))
    return layers


def _places(entities: Sequence[Entity]) -> tuple[dict[str, tuple[float, float]], float]:
    """Where each box is, so that a table stands near those it refers to, and how high all of it is."""
    layers = _layers(entities)
    columns: list[list[Entity]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for entity in sorted(entities, key=lambda entity: entity.label):
        columns[layers[entity.label]].append(entity)
    near: dict[str, list[str]] = {entity.label: [] for entity in entities}
    for entity in entities:
        for target in entity.targets:
            near[entity.label].append(target)
            near[target].append(entity.label)
    places: dict[str, tuple[float, float]] = {}
    height = 0.0
    for sweep in range(SWEEPS):
        for number, column in enumerate(columns):
            if sweep:
                column.sort(key=lambda entity: (_mean(near[entity.label], places), entity.label))
            y = float(EDGE)
            for entity in column:
                places[entity.label] = (EDGE + number * (BOX + GAP_X), y)
                y += entity.height + GAP_Y
            height = max(height, y) if number or sweep else y
    return places, max((places[one.label][1] + one.height for one in entities), default=float(EDGE))


def _mean(labels: Sequence[str], places: Mapping[str, tuple[float, float]]) -> float:
    known = [places[label][1] for label in labels if label in places]
    return sum(known) / len(known) if known else 0.0


def _line(entity: Entity, places: Mapping[str, tuple[float, float]], colour: Mapping[str, int]) -> str:
    """The lines from a table's columns to the keys that they name."""
    drawn = []
    tested = {column for column, _, _ in entity.references}
    for number, (column, target, _) in enumerate(entity.rows):
        if not target or target == entity.label:
            continue
        dashed = "" if column in tested else ' stroke-dasharray="5 4"'
        x, y = places[entity.label]
        to_x, to_y = places[target]
        start_y = y + HEAD + ROW * (number + 0.5)
        end_y = to_y + HEAD / 2
        # out to the left of the box, into the right of the other; in one column around its left side
        end_x = to_x + BOX if to_x < x else to_x
        bend = GAP_X * 0.6
        stroke = colour[target.partition(".")[0]]
        drawn.append(
            f'<path class="line t{stroke}" d="M{x:.0f} {start_y:.0f}'
            f"C{x - bend:.0f} {start_y:.0f} {end_x + (bend if to_x < x else -bend):.0f} {end_y:.0f} "
            f'{end_x:.0f} {end_y:.0f}"{dashed}/>'
        )
    return "".join(drawn)


def _box(entity: Entity, x: float, y: float, colour: int) -> str:
    rows = []
    for number, (column, target, is_key) in enumerate(entity.rows):
        line = y + HEAD + ROW * number + 13
        weight = ' font-weight="600"' if is_key else ""
        rows.append(f'<text class="text" x="{x + 10:.0f}" y="{line:.0f}"{weight}>{escape(column)}</text>')
        if target:
            rows.append(
                f'<text class="muted" x="{x + BOX - 8:.0f}" y="{line:.0f}" text-anchor="end" font-size="11">'
                f"→ {escape(target)}</text>"
            )
    more = entity.more_count
    last = y + HEAD + ROW * len(entity.rows) + 13
    if more:
        rows.append(
            f'<text class="muted" x="{x + 10:.0f}" y="{last:.0f}" font-size="11">'
            f"{more} more column{'' if more == 1 else 's'}</text>"
        )
    return (
        f'<g><rect class="card t{colour}" x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{entity.height:.0f}" rx="4"/>'
        f'<path class="s{colour}" d="M{x:.0f} {y + HEAD:.0f}V{y + 4:.0f}q0 -4 4 -4H{x + BOX - 4:.0f}q4 0 4 4'
        f'V{y + HEAD:.0f}Z"/><text class="head" x="{x + 10:.0f}" y="{y + 16:.0f}" font-weight="600">'
        f"{escape(entity.label)}</text>{''.join(rows)}</g>"
    )


def _listed(
    entities: Sequence[Entity], schemas: Sequence[str], colour: Mapping[str, int], top: float, width: float
) -> tuple[list[str], float]:
    """Tables that no reference leads to or from, by schema, with their keys; and where they end."""
    if not entities:
        return [], top
    drawn = [
        f'<text class="text" x="{EDGE}" y="{top:.0f}" font-weight="600">'
        "Tables that nothing leads to or from, and their keys</text>"
    ]
    count = max(1, int((width - 2 * EDGE) // LISTED))
    ends = [top + 14.0] * count
    for schema in schemas:
        of_schema = [entity for entity in entities if entity.schema == schema]
        if not of_schema:
            continue
        number = ends.index(min(ends))
        x, y = EDGE + number * LISTED, ends[number] + 16
        drawn.append(f'<text class="s{colour[schema]}" x="{x}" y="{y:.0f}" font-weight="600">{escape(schema)}</text>')
        for entity in sorted(of_schema, key=lambda entity: entity.label):
            y += ROW
            key = ", ".join(entity.key)
            drawn.append(f'<text class="text" x="{x}" y="{y:.0f}">{escape(entity.label.partition(".")[2])}</text>')
            if key:
                y += ROW - 3
                cut = key if len(key) <= 52 else key[:51] + "…"
                drawn.append(f'<text class="muted" x="{x + 10}" y="{y:.0f}" font-size="11">{escape(cut)}</text>')
        ends[number] = y + 8
    return drawn, max(ends) + EDGE
