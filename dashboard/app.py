"""Serves the pages. Each page is a file in `pages/`; each figure has an address of its own for its CSV."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jinja2
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import dashboard.pages
from dashboard import charts, words
from dashboard.counting import PATIENCE, Counting, answer
from dashboard.figure import Page
from dashboard.filters import ALL_JOURNEYS, NAMES, Choice, Filters, Own, read_filters
from dashboard.release import NoAnswer, Release, Releases
from dashboard.view import View
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.spreadsheets import csv_text
from orchestration.lib.digests.wording import unbroken, unbroken_html

log = logging.getLogger("dashboard")

LARGEST_FORM = 4_096
# The header with the names of the figures that an open page still waits for.
WANTED = "Figures"

HERE = Path(__file__).parent
# Nothing from elsewhere, nothing that runs but our own file; pages can't be framed.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def find_pages() -> list[Page]:
    """The pages of `pages/`, in the order of the navigation."""
    found = [
        importlib.import_module(f"dashboard.pages.{module.name}").PAGE
        for module in pkgutil.iter_modules(dashboard.pages.__path__)
    ]
    return sorted(found, key=lambda page: (page.order, page.name))


def make_app(settings: Settings, *, patience: float = PATIENCE) -> Starlette:
    """The dashboard over the releases that `settings.serving` shows.

    A page waits `patience` seconds for its figures, then shows those that are ready.
    """
    releases = Releases(settings)
    counting = Counting(patience)
    pages = find_pages()
    templates = _templates()

    def render(template: str, status: int = 200, **content: Any) -> Response:
        return HTMLResponse(templates.get_template(template).render(pages=pages, **content), status, HEADERS)

    def problem(message: str, status: int, page: Page | None = None) -> Response:
        return render("problem.html", status, page=page, message=message, release=None)

    def show(page: Page) -> Callable[[Request], Response]:
        def respond(request: Request) -> Response:
            try:
                with releases.current() as release:
                    filters, choices = read_filters(release, request.query_params, page.takes)
                    # a page that has the others asks for these alone
                    wanted = request.headers.get(WANTED, "").split(",")
                    questions = [one for one in page.questions if one.name in wanted] or page.questions
                    shown = counting.shown(
                        page, questions, release, filters, request.url.path, dict(request.query_params)
                    )
                    return render(
                        "page.html",
                        page=page,
                        release=release,
                        filters=filters,
                        choices=choices,
                        shown=shown,
                        is_counting=any(one.is_counting for one in shown),
                        kept=_kept(request, choices),
                        query=request.url.query,
                        links={one.name: _carried(one, filters, choices) for one in pages},
                    )
            except NoAnswer as error:
                return problem(str(error), 503, page)

        return respond

    def download(page: Page) -> Callable[[Request], Response]:
        def respond(request: Request) -> Response:
            question = next((q for q in page.questions if q.name == request.path_params["question"]), None)
            if question is None:
                return PlainTextResponse("There is no such figure.", 404, HEADERS)
            try:
                with releases.current() as release:
                    filters, _ = read_filters(release, request.query_params, page.takes)
                    view = View(release, filters, path=request.url.path, extra=dict(request.query_params))
                    figure = answer(page, question, view).figure
            except NoAnswer as error:
                return PlainTextResponse(str(error), 503, HEADERS)
            if figure.table is None:
                return PlainTextResponse(figure.empty or "This figure has no rows.", 404, HEADERS)
            named = {"Content-Disposition": f'attachment; filename="{page.name}_{question.name}.csv"'}
            text = csv_text(figure.table.columns, figure.table.rows)
            return Response(text, media_type="text/csv; charset=utf-8", headers=HEADERS | named)

        return respond

    def receive(page: Page, on_post: Callable[[Release, Settings, Mapping[str, str]], str]) -> Callable[[Request], Any]:
        def find(form: Mapping[str, str], query: str) -> Response:
            try:
                with releases.current() as release:
                    found = on_post(release, settings, form)
            except NoAnswer as error:
                return problem(str(error), 400, page)
            return RedirectResponse(f"/{page.name}?{'&'.join(filter(None, (query, found)))}", 303, headers=HEADERS)

        async def respond(request: Request) -> Response:
            body = b""
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_FORM:
                    return PlainTextResponse("That is too long for an identifier.", 413, HEADERS)
            form = dict(parse_qsl(body.decode("utf-8", "replace")))
            kept = urlencode([one for one in request.query_params.items() if one[0] in NAMES])
            return await run_in_threadpool(find, form, kept)

        return respond

    def what_is_current(request: Request) -> Response:
        try:
            with releases.current() as release:
                return JSONResponse({"release_id": release.release_id}, headers=HEADERS)
        except NoAnswer as error:
            return JSONResponse({"release_id": None, "message": str(error)}, 503, HEADERS)

    def not_found(request: Request, error: Exception) -> Response:
        return problem("There is no such page.", 404)

    def failed(request: Request, error: Exception) -> Response:
        log.exception("page %s", request.url.path, exc_info=error)
        return problem("This page failed; the terminal of make dashboard says why. The others work.", 500)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        counting.close()
        releases.close()

    routes: list[Any] = [
        Route("/", lambda request: RedirectResponse(f"/{pages[0].name}", headers=HEADERS)),
        Route("/current-release.json", what_is_current),
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
    ]
    for page in pages:
        routes.append(Route(f"/{page.name}", show(page)))
        if page.on_post is not None:
            routes.append(Route(f"/{page.name}", receive(page, page.on_post), methods=["POST"]))
        routes.append(Route(f"/{page.name}/{{question}}.csv", download(page)))
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={404: not_found, Exception: failed},
    )


def warm_up() -> None:
    """Starts what the first chart needs, so that the first reader doesn't wait for it."""
    charts.lines([{"x": 0, "y": 0}], x="x", y="y", label="")


def _carried(page: Page, filters: Filters, choices: Sequence[Choice]) -> str:
    """The query with which another page shows the same, as far as it takes these filters.

    The journey that is shown because nobody chose one is none to a page that shows all of them.
    """
    taken = {one.name if isinstance(one, Own) else one for one in page.takes}
    if ALL_JOURNEYS in taken and not any(one.name == "journey" and one.is_set for one in choices):
        taken -= {"journey"}
    query = filters.address(**{name: "" for name in (*NAMES, *filters.own_values) if name not in taken})
    return f"?{query}" if query else ""


def _unbroken(text: str) -> str:
    """As `unbroken`; markup stays markup, and text is yet to be escaped."""
    return Markup(unbroken_html(str(text))) if isinstance(text, Markup) else unbroken(text)


def _kept(request: Request, choices: Sequence[Choice]) -> list[tuple[str, str]]:
    """What else the address says, kept when a filter changes."""
    names = {choice.name for choice in choices}
    return [(name, value) for name, value in request.query_params.items() if name not in names]


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": words.moment, "cell": words.cell, "unbroken": _unbroken}
    return environment
