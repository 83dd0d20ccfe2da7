"""Reachability of servers and the W&B login: answered in time, and without showing a key."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from keyart.utils.network import unreachable_reason, wandb_account

KEY = "k" * 40


@pytest.fixture
def answering():
    """Start a server on loopback that always answers with one status; return its address."""
    servers = []

    def start(status):
        class Answer(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize(("status", "why"), [(200, None), (404, None), (403, None), (503, "HTTP 503")])
def test_any_answer_of_the_server_itself_counts(answering, status, why):
    assert unreachable_reason(answering(status)) == why


def test_a_closed_port_is_reported_by_its_reason():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "refused" in unreachable_reason(f"http://127.0.0.1:{port}")


def test_silence_ends_at_the_time_limit():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        assert unreachable_reason(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3) is not None
        assert time.monotonic() - started < 1.5


def test_nobody_is_logged_in_on_a_fresh_machine(tmp_path):
    account = wandb_account({"HOME": str(tmp_path)}, tmp_path)
    assert (account.host, account.source, account.mode) == ("https://api.wandb.ai", None, None)


@pytest.mark.parametrize("variable", ["WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"])
def test_the_environment_wins(tmp_path, variable):
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai login user password {KEY}\n")
    account = wandb_account({"HOME": str(tmp_path), variable: KEY, "WANDB_MODE": "offline"}, tmp_path)
    assert account.source == variable
    assert account.mode == "offline"
    assert KEY not in repr(account)


@pytest.mark.parametrize("name", [".netrc", "_netrc", "elsewhere"])
def test_netrc_is_read_for_the_server_that_is_used(tmp_path, name):
    (tmp_path / name).write_text(f"machine wandb.example.org login user password {KEY}\n")
    environ = {"HOME": str(tmp_path)} | ({"NETRC": str(tmp_path / name)} if name == "elsewhere" else {})
    assert wandb_account(environ, tmp_path).source is None
    account = wandb_account({**environ, "WANDB_BASE_URL": "https://wandb.example.org/"}, tmp_path)
    assert account.source == str(tmp_path / name)
    assert account.host == "https://wandb.example.org"
    assert KEY not in repr(account)


def test_the_workspaces_settings_win_over_the_persons(tmp_path):
    person, workspace = tmp_path / ".config" / "wandb" / "settings", tmp_path / "work" / "wandb" / "settings"
    for file, mode in ((person, "online"), (workspace, "offline")):
        file.parent.mkdir(parents=True)
        file.write_text(f"[default]\nmode = {mode}\n")
    with person.open("a") as file:
        file.write(f"base_url = https://wandb.example.org\napi_key = {KEY}\n")
    account = wandb_account({"HOME": str(tmp_path)}, tmp_path / "work")
    assert (account.host, account.mode, account.source) == ("https://wandb.example.org", "offline", str(person))


def test_broken_files_count_as_empty(tmp_path):
    (tmp_path / ".netrc").write_text("machine\n{{{")
    settings = tmp_path / "wandb" / "settings"
    settings.parent.mkdir()
    settings.write_bytes(b"\xff no section")
    assert wandb_account({"HOME": str(tmp_path)}, tmp_path).source is None
