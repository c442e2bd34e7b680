"""Makes a mail's page of a digest's: programs for mails draw no SVG, so pictures are PNGs that travel with the mail."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.lib.drawing.palette import COLOURS, written_out

SVG = re.compile(r"<svg\b([^>]*)>.*?</svg>", re.DOTALL)
# For the pictures of a page in a browser alone; see templates/digest.html.
ONLY_IN_BROWSERS = re.compile(r"<style data-for=\"pictures\">.*?</style>\n?", re.DOTALL)
# Gmail shows the first 102 KB of a page and a link to the rest.
LARGEST_PAGE_BYTES = 100_000
# As screens of phones have more dots than a picture has pixels.
SCALE = 2
# What the engine's own font has letters for; others are looked for among the machine's.
PLAIN = re.compile(r"[\x00-\u024f\u2000-\u23ff]*")
FONTS = Path("/usr/share/fonts")


@dataclass(frozen=True)
class MailPage:
    """A page for mails, and its pictures by the Content-ID under which it shows them."""

    html: str
    pictures: Mapping[str, bytes]


def mail_page(page: str) -> MailPage:
    """The page with each drawing as a picture; one that can't be drawn is replaced by its words."""
    pictures: dict[str, bytes] = {}

    def replaced(found: re.Match[str]) -> str:
        picture = _png(found[0])
        if picture is None:
            return f"<span>{_attribute(found[1], 'aria-label')}</span>"
        name = _content_id(found[0])
        pictures[name] = picture
        return _image(found)

    return MailPage(SVG.sub(replaced, ONLY_IN_BROWSERS.sub("", page)), pictures)


def mail_bytes(page: str) -> int:
    """How large the page will be in a mail, without its pictures."""
    return len(SVG.sub(_image, ONLY_IN_BROWSERS.sub("", page)).encode())


def _image(found: re.Match[str]) -> str:
    width, height = _size(found[1])
    # the label is escaped already
    return (
        f'<img src="cid:{_content_id(found[0])}" alt="{_attribute(found[1], "aria-label")}" width="{width:.0f}" '
        f'height="{height:.0f}" style="display:block;border:0;max-width:100%;height:auto">'
    )


def _content_id(svg: str) -> str:
    return f"{hashlib.sha256(svg.encode()).hexdigest()[:16]}@digest"


def _attribute(attributes: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', attributes)
    return found[1] if found else ""


def _size(attributes: str) -> tuple[float, float]:
    _, _, width, height = _attribute(attributes, "viewBox").split()
    return float(width), float(height)


def _png(svg: str) -> bytes | None:
    import vl_convert

    begin, rest = re.match(r"(<svg\b[^>]*>)(.*)", svg, re.DOTALL).groups()  # type: ignore[union-attr]
    width, height = _size(begin)
    begin = re.sub(r' (width|height)="[^"]*"', "", begin)[:-1] + f' width="{width:.0f}" height="{height:.0f}">'
    if not PLAIN.fullmatch(html.unescape(rest)) and FONTS.is_dir():
        vl_convert.register_font_directory(str(FONTS))
        begin = begin.replace("system-ui", "DejaVu Sans")
    # a page in the dark has the picture on a light ground, as programs for mails turn no colours of pictures
    ground = f'<rect width="100%" height="100%" fill="{COLOURS["card"]}"/>'
    try:
        return bytes(vl_convert.svg_to_png(written_out(begin + ground + rest), scale=SCALE))
    except ValueError:
        return None
