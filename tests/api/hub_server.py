"""A model hub on the loopback interface: as much of its protocol as downloads and uploads of files use."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves each folder in ``folder`` as a repository of ``user``; commits are written into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def files(self, name: str):
        return sorted(path for path in (self.folder / name).rglob("*") if path.is_file())

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, body: bytes, status=200, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def answer_json(self, content, status=200, **headers):
                self.answer(json.dumps(content).encode(), status, Content_Type="application/json", **headers)

            def do_GET(self):
                path = unquote(self.path.partition("?")[0])
                name, _, rest = path.removeprefix("/api/models").removeprefix("/user/").partition("/")
                root = hub.folder / name
                if not root.is_dir():
                    missing = {"X_Error_Code": "RepoNotFound", "X_Error_Message": "Repository not found"}
                    self.answer_json({"error": "Repository not found"}, 404, **missing)
                elif rest.startswith(f"resolve/{COMMIT}/"):
                    content = (root / rest.removeprefix(f"resolve/{COMMIT}/")).read_bytes()
                    tag = '"' + hashlib.sha1(content).hexdigest() + '"'
                    self.answer(content, ETag=tag, X_Repo_Commit=COMMIT)
                elif rest.startswith("tree/"):
                    self.answer_json(
                        [
                            {
                                "type": "file",
                                "path": file.relative_to(root).as_posix(),
                                "size": file.stat().st_size,
                                "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                            }
                            for file in hub.files(name)
                        ]
                    )
                else:
                    names = [{"rfilename": file.relative_to(root).as_posix()} for file in hub.files(name)]
                    self.answer_json({"id": f"user/{name}", "sha": COMMIT, "siblings": names, "private": False})

            do_HEAD = do_GET

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if "/preupload/" in self.path:
                    files = [
                        {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for one in json.loads(body)["files"]
                    ]
                    self.answer_json({"files": files})
                elif "/commit/" in self.path:
                    name = self.path.removeprefix("/api/models/user/").partition("/")[0]
                    for line in body.splitlines():
                        entry = json.loads(line)
                        if entry["key"] == "file":
                            target = hub.folder / name / entry["value"]["path"]
                            target.parent.mkdir(parents=True, exist_ok=True)
                            target.write_bytes(base64.b64decode(entry["value"]["content"]))
                    self.answer_json({"commitUrl": f"{hub.url}/user/{name}/commit/{COMMIT}", "commitOid": COMMIT})
                else:
                    self.answer_json({})

            def log_message(self, *given):
                pass

        return Handler
