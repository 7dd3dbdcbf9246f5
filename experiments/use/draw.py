"""The server of the page to draw on: one file of HTML, and the model behind it."""

import json
import os
import socket
import threading
from http.server import HTTPServer
from pathlib import Path

import tensorflow as tf
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from experiments.launch.errors import UsageError
from experiments.launch.saved_models import load_saved_model, record_of
from experiments.use.drawing import Refused, ability_of
from tf_gen.data.sources import Unreadable

HOST = "127.0.0.1"
MOST_BYTES = 10_000_000
PAGE = Path(__file__).with_name("draw.html")
HEADERS = {  # the page is whole: a browser is to ask nobody else, whatever is put into it
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
TOO_LARGE = "This file is larger than 10 MB; choose a smaller one."


def serve(config) -> int:
    """Answer until a signal ends it.

    Raises: UsageError for a port that is taken, or a model that can do nothing here.
    """
    try:
        listening = socket.create_server((HOST, config.port))
    except OSError as error:
        raise UsageError(
            f"--port {config.port}: {os.strerror(error.errno)}; give another, or 0 for any "
            "that is free"
        ) from error
    with listening:
        app = app_of(config.model)
        port = listening.getsockname()[1]
        with make_server(
            HOST, port, app, threaded=True, request_handler=_Quiet, fd=listening.fileno()
        ) as server:
            print(f"{config.model}: http://{HOST}:{port} (Ctrl-C ends it)", flush=True)
            HTTPServer.serve_forever(server)  # werkzeug's own takes Ctrl-C for an ordinary end
    return 0


def app_of(path: Path) -> "App":
    """The page of the model that ``--model`` names."""
    model = load_saved_model("model", path, "model", [])
    try:
        ability = ability_of(model, record_of(path), path.name)
    except (TypeError, ValueError) as error:
        raise UsageError(f"--model {path}: no model from RGB to RGB images") from error
    if ability is None:
        raise UsageError(
            f"--model {path}: has no function to draw with: translate of a pix2pix, sample of a "
            "VAE or of a prior over codes"
        )
    return App(ability)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args):
        """Say nothing of each request."""


class _Asked(Request):
    max_content_length = MOST_BYTES
    trusted_hosts = (HOST, "localhost")  # not a name that another page has made to lead here


class App:
    """A WSGI application: the page at ``/``, and a model's answers below it.

    ``ability.answers`` has a function for each path; one is called at a time, and what it returns
    is bytes (an image) or something for JSON. What it refuses is a line of text, status 400.
    """

    def __init__(self, ability):
        self.ability, self._one_at_a_time = ability, threading.Lock()

    def __call__(self, environ, start_response):
        response = self._respond(_Asked(environ))
        response.headers.update(HEADERS)
        return response(environ, start_response)

    def _respond(self, request):
        try:
            request.host  # noqa: B018  raises for one that is not trusted
            if request.path == "/":
                return Response(PAGE.read_bytes(), mimetype="text/html")
            if request.path == "/about":
                return _response(self.ability.about)
            if request.path not in self.ability.answers:
                return Response("There is nothing here.", 404)
            body = request.get_data()  # before the lock: it may come slowly
            with self._one_at_a_time:
                return _response(self.ability.answers[request.path](body, request.args))
        except RequestEntityTooLarge:
            return Response(TOO_LARGE, 413)
        except HTTPException as error:
            return Response(error.description, error.code)
        except (Refused, Unreadable) as error:
            return Response(str(error), 400)
        except (KeyError, TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            return Response(f"The model cannot take that: {str(error).partition(chr(10))[0]}", 400)


def _response(found):
    if isinstance(found, bytes):
        return Response(found, mimetype="image/png")
    return Response(json.dumps(found), mimetype="application/json")
