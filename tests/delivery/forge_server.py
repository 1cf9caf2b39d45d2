"""A stand-in for GitHub's API on loopback: pull requests in memory, branches in a real bare git repository.

    with ForgeServer(bare, "owner/name", token="t0ken") as forge:
        forge.url                                 # the address of the API
        forge.permissions = {"contents": "write", "pull_requests": "read"}
        forge.fail(Failure(503), times=2)         # the next two requests; see `Failure`
        forge.pulls[1].state = "closed"           # what a human does
        forge.violations                          # of GitHub's own description: must be empty
        forge.log                                 # "POST /repos/owner/name/pulls 201", ...

Each request and each answer is held against GitHub's description of its API (contract.py).
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import contract
from forge_pulls import Answer, Forge, refused

NUMBER = "1296269"  # GitHub's links to further pages name a repository by its number


@dataclass(frozen=True)
class Failure:
    """An answer that goes wrong. `body` replaces the message; `done` says that the request is carried out first.

    `status` 0 closes the connection without an answer, `silent` leaves it open for that many seconds before.
    `only` is the beginning of the requests that it concerns, like `POST /repos/owner/name/pulls`.
    """

    status: int
    message: str = "Something went wrong"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    done: bool = False
    silent: float = 0.0
    only: str = ""


class ForgeServer(Forge):
    """The server, up while its `with` block runs; with `socket` on a Unix socket too, where `gh` finds it."""

    def __init__(self, bare: Path, repository: str, token: str, socket: Path | None = None) -> None:
        super().__init__(bare, repository)
        self.token = token
        self.violations: list[str] = []
        self.log: list[str] = []
        self.seen: list[Mapping[str, str]] = []  # the headers of each request, by lower-case names
        self._failures: list[Failure] = []
        self._lock = threading.Lock()
        http = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
        self.url = f"http://127.0.0.1:{http.server_address[1]}"
        self._servers: list[socketserver.BaseServer] = [http]
        if socket is not None:
            self._servers.append(_UnixServer(str(socket), _Front))
        for server in self._servers:
            server.daemon_threads = True  # type: ignore[attr-defined]
            server.forge = self  # type: ignore[attr-defined]

    def __enter__(self) -> ForgeServer:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fail(self, failure: Failure, times: int = 1) -> None:
        """Let the next requests that `failure` concerns go wrong."""
        self._failures += [failure] * times

    def asked(self, beginning: str = "") -> list[str]:
        """The requests so far, without the answers' statuses: `POST /repos/owner/name/pulls`."""
        return [line.rpartition(" ")[0] for line in self.log if line.startswith(beginning)]

    def written(self) -> list[str]:
        """The requests that change something."""
        return [line for line in self.asked() if not line.startswith("GET ")]

    def failure(self, request: str) -> Failure | None:
        """The failure that is due for a request; it is used up."""
        with self._lock:
            due = next((failure for failure in self._failures if request.startswith(failure.only)), None)
            if due is not None:
                self._failures.remove(due)
            return due

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        """The answer to an authorised request; violations of the description are noted."""
        path = path.replace(f"/repositories/{NUMBER}", f"/repos/{self.repository}")
        request = contract.request_of(method, path, query, body)
        wrong = contract.violation_of_request(request)
        if wrong is not None:
            self.violations.append(f"{method} {path}: {wrong}")
            return refused(422, f"contract: {wrong}")
        with self._lock:
            answer = self._carry_out(method, path, query, body)
        wrong = contract.violation_of_answer(request, answer.status, answer.data)
        if wrong is not None:
            self.violations.append(f"answer {answer.status} to {method} {path}: {wrong}")
        return answer

    def _carry_out(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        """A crash of the stand-in itself must not look like one of GitHub's, which a client gets over."""
        try:
            self.follow_branches()
            return self.handle(method, path, query, json.loads(body) if body else {})
        except Exception as error:
            self.violations.append(f"the stand-in failed at {method} {path}: {error!r}")
            return refused(500, "the stand-in failed")


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    def get_request(self) -> tuple[object, tuple[str, int]]:
        connection, _ = super().get_request()
        return connection, ("local", 0)


class _Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Silence: the tests read `ForgeServer.log`."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        forge: ForgeServer = self.server.forge  # type: ignore[attr-defined]
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        forge.seen.append({name.lower(): value for name, value in self.headers.items()})
        failure = forge.failure(f"{self.command} {url.path}")
        if failure is None or failure.done:
            answer = self._answer(forge, url.path, query, body)
        if failure is not None:
            self._fail(forge, url.path, failure)
            return
        links = self._links(forge, answer, url.path, query)
        here = f"{forge.url}/repos/{forge.repository}"
        text = json.dumps(answer.page(query)).replace("https://api.github.com/repos/octocat/Hello-World", here)
        self._send(forge, answer.status, links, text.encode())

    def _answer(self, forge: ForgeServer, path: str, query: dict[str, str], body: bytes) -> Answer:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("token", "bearer") or token != forge.token:
            return refused(401, "Bad credentials")
        return forge.answer(self.command, path, query, body)

    @staticmethod
    def _links(forge: ForgeServer, answer: Answer, path: str, query: dict[str, str]) -> dict[str, str]:
        """GitHub's pointer to the next page, where there is one."""
        if not answer.has_next(query):
            return {}
        further = urllib.parse.urlencode({**query, "page": str(int(query.get("page", "1")) + 1)})
        path = path.replace(f"/repos/{forge.repository}", f"/repositories/{NUMBER}")
        return {"Link": f'<{forge.url}{path}?{further}>; rel="next", <{forge.url}{path}?page=9>; rel="last"'}

    def _fail(self, forge: ForgeServer, path: str, failure: Failure) -> None:
        time.sleep(failure.silent)
        if not failure.status:
            forge.log.append(f"{self.command} {path} 0")
            self.close_connection = True
            return
        body = json.dumps({"message": failure.message}).encode() if failure.body is None else failure.body
        self._send(forge, failure.status, dict(failure.headers), body)

    def _send(self, forge: ForgeServer, status: int, headers: Mapping[str, str], body: bytes) -> None:
        forge.log.append(f"{self.command} {urllib.parse.urlsplit(self.path).path} {status}")
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True
