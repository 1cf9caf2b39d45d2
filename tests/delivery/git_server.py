"""A real git server for the tests: `git http-backend` behind a small smart-HTTP front on loopback, with Basic auth.

    with GitServer(tmp_path / "server", token="t0ken") as server:
        bare = server.bare("owner/name")          # made with a `main` branch to be, as a forge does
        url = f"{server.url}/owner/name.git"      # also without `.git`
        server.refuse(PUSH, 403, "Permission to owner/name.git denied to bot.")
        server.requests                           # what was asked so far

Reading needs no token unless `private=True`; pushing always does. Hooks and settings (`pre-receive`,
`receive.denyNonFastForwards`) are put into the bare repository by the test itself, see `add_hook`.
"""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PUSH = "git-receive-pack"
FETCH = "git-upload-pack"


@dataclass(frozen=True)
class Request:
    """One request: `service` is `PUSH` or `FETCH`; `authorizations` are the values of all headers of that name."""

    method: str
    path: str
    service: str
    authorizations: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a service answers instead of doing its work."""

    status: int
    text: str = ""
    location: str | None = None


class GitServer:
    """The server, up while its `with` block runs. `token` is the password of `x-access-token`."""

    def __init__(self, root: Path, token: str, private: bool = False) -> None:
        self.root = root
        self.expected = "basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()
        self.private = private
        self.requests: list[Request] = []
        self.answers: dict[str, Answer] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
        self._http.daemon_threads = True
        self._http.git = self  # type: ignore[attr-defined]

    def __enter__(self) -> GitServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def bare(self, owner_name: str) -> Path:
        """The bare repository of `owner/name`; made when it is not there yet."""
        folder = self.root / f"{owner_name}.git"
        if not folder.exists():
            subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True, capture_output=True)
        return folder

    def refuse(self, service: str, status: int, text: str = "", location: str | None = None) -> None:
        """Answer every request to `service` with `status` from now on; `text` is what git shows as `remote: ...`."""
        self.answers[service] = Answer(status, text, location)

    def allow(self, service: str) -> None:
        """Take back a `refuse`."""
        self.answers.pop(service, None)

    def asked(self, service: str) -> list[Request]:
        """The requests to one service so far."""
        return [request for request in self.requests if request.service == service]


def add_hook(bare: Path, name: str, script: str) -> None:
    """Put a server-side hook (a shell script's body) into a bare repository."""
    hook = bare / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Silence: the tests read `GitServer.requests`."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        git: GitServer = self.server.git  # type: ignore[attr-defined]
        body = self._body()
        service = PUSH if PUSH in self.path else FETCH
        given = tuple(self.headers.get_all("Authorization") or ())
        git.requests.append(Request(self.command, self.path, service, given))
        if service in git.answers:
            self._answer(git.answers[service])
        elif (git.private or service == PUSH) and not self._is_authorized(git, given):
            self._answer(Answer(401))
        else:
            self._run_backend(git, body)

    @staticmethod
    def _is_authorized(git: GitServer, given: tuple[str, ...]) -> bool:
        scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return f"{scheme.lower()} {value}" == git.expected

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _run_backend(self, git: GitServer, body: bytes) -> None:
        env = _cgi_environment(self, git.root, len(body))
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.decode().partition(": ")[::2] for line in head.split(b"\r\n") if line]
        status = next((int(value.split()[0]) for name, value in headers if name.lower() == "status"), 200)
        self._send(status, [pair for pair in headers if pair[0].lower() != "status"], content)

    def _answer(self, answer: Answer) -> None:
        headers = [("Content-Type", "text/plain")]
        if answer.status == 401:
            headers.append(("WWW-Authenticate", 'Basic realm="git"'))
        if answer.location:
            headers.append(("Location", answer.location))
        self._send(answer.status, headers, answer.text.encode())

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _cgi_environment(front: _Front, root: Path, length: int) -> dict[str, str]:
    """What a web server tells a CGI program, and nothing of ours but the path."""
    url = urllib.parse.urlsplit(front.path)
    names = {"Content-Encoding": "HTTP_CONTENT_ENCODING", "Git-Protocol": "GIT_PROTOCOL"}
    told = {variable: front.headers[name] for name, variable in names.items() if front.headers.get(name)}
    return told | {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": urllib.parse.unquote(url.path),
        "QUERY_STRING": url.query,
        "REQUEST_METHOD": front.command,
        "CONTENT_TYPE": front.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "REMOTE_USER": "bot",
        "REMOTE_ADDR": "127.0.0.1",
    }
