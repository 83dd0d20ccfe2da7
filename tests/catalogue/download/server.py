"""HTTP server on 127.0.0.1 with scripted answers, including invalid ones."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Server:
    """HTTP server that answers each path with a function of the handler and the path's request count, from 1."""

    def __init__(self):
        self.routes = {}
        self.asked = Counter()
        self.seen = []
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urlsplit(self.path).path
                with lock:
                    outer.asked[path] += 1
                    outer.seen.append((time.monotonic(), self.path, dict(self.headers)))
                    nth = outer.asked[path]
                try:
                    outer.routes.get(path, status(404))(self, nth)
                except OSError:
                    self.close_connection = True  # the client closed the connection

            def log_message(self, *ignored):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *ignored: None  # a client that leaves early is not an error
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def body(content, kind="image/jpeg", after=0.0):
    def answer(handler, nth):
        time.sleep(after)
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code, **headers):
    def answer(handler, nth):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def redirect(target):
    return status(302, Location=target)


def in_turn(*answers):
    """Return the first answer, then the second …; the last one for all further requests."""

    def answer(handler, nth):
        answers[min(nth, len(answers)) - 1](handler, nth)

    return answer


def breaking_off(content):
    """Announce more bytes than the answer sends."""

    def answer(handler, nth):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.close_connection = True

    return answer


def unmeasured(content, piece=4096, pause=0.0):
    """Answer without a length: the body ends with the connection."""

    def answer(handler, nth):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for at in range(0, len(content), piece):
            handler.wfile.write(content[at : at + piece])
            time.sleep(pause)

    return answer
