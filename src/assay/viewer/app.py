"""The page's addresses: what is asked of the lake, as JSON, and the page's own files."""

import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from assay.core.errors import ConfigError, EngineError, EvidenceError, LakeError, TrainingError
from assay.viewer import answers
from assay.viewer.guard import App, Guard
from assay.viewer.marks import Marks, knows_verdict
from assay.viewer.problem import picture_file
from assay.viewer.state import ViewState

STATIC = Path(__file__).parent / "static"
Answer = Callable[[ViewState, Mapping[str, str]], Any]


def build_app(state: ViewState, marks: Marks, *, port: int | None, token: str) -> App:
    """Build the application with its guard in front.

    Args:
        state: what is shown.
        marks: where marks go.
        port: of the server; None = any.
        token: of this run.
    """
    routes = [Route(f"/api/{name}", _route(state, answer)) for name, answer in answers.ANSWERS.items()]
    routes += [
        Route("/api/picture", _picture(state)),
        Route("/api/audit", _audit(state, marks), methods=["GET", "POST"]),
        Route("/", lambda request: FileResponse(STATIC / "index.html")),
        Route("/favicon.ico", lambda request: FileResponse(STATIC / "icon.svg")),
    ]
    return Guard(Starlette(routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))]), port=port, token=token)


def _route(state: ViewState, answer: Answer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await _told(lambda: answer(state, request.query_params))

    return endpoint


def _picture(state: ViewState) -> Callable[[Request], Any]:
    """Answer with a picture's bytes under the type that they tell: no other type is ever named."""

    async def endpoint(request: Request) -> Response:
        def work() -> Response:
            kind, data = picture_file(state.reader, request.query_params.get("id", ""))
            return Response(data, media_type=kind)

        return await _answered(work)

    return endpoint


def _audit(state: ViewState, marks: Marks) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        if request.method != "POST":
            return await _told(lambda: answers.audit(state, marks))
        body = await request.body()
        return await _told(lambda: _append(state, marks, body))

    return endpoint


def _append(state: ViewState, marks: Marks, body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigError("a mark must be JSON") from error
    if (
        not isinstance(fields, dict)
        or set(fields) != {"verdict", "mark"}
        or not all(isinstance(value, str) for value in fields.values())
    ):
        raise ConfigError('a mark must be {"verdict": ID, "mark": "right", "wrong" or "unsure"}')
    if not knows_verdict(state.reader, fields["verdict"][:80]):
        raise ConfigError(f"no verdict {fields['verdict'][:40]!r} in this lake")
    marks.append(fields["verdict"], fields["mark"])
    return {"kept": True}


async def _told(work: Callable[[], Any]) -> Response:
    """Answer with what the work returns, as JSON."""
    return await _answered(lambda: JSONResponse(work()))


async def _answered(work: Callable[[], Response]) -> Response:
    """Answer as the work says; an error that a reader can act on is its one line."""
    try:
        return await run_in_threadpool(work)
    except answers.Gone as gone:
        return JSONResponse({"error": str(gone)}, status_code=410)
    except ConfigError as error:
        return JSONResponse({"error": str(error)[:2_000]}, status_code=400)
    except (LakeError, EngineError, EvidenceError, TrainingError) as error:
        return JSONResponse({"error": str(error)[:2_000]}, status_code=503)
    except Exception as error:  # noqa: BLE001 - a fault of ours: a traceback on the terminal would hold the lake's texts as they are
        place = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"internal error of the viewer: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"
        return JSONResponse({"error": fault[:2_000]}, status_code=500)
