"""The served log: its public files, to holders of the token, and nothing else."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from agent.api import Api, read_token
from agent.cli.main import main
from agent.config.api import Api as Options
from exporters.base import ExportError
from tests.support.tampering import Lab
from tests.support.unclosed import left_open

TOKEN = "correct-horse-battery-staple"


class Answer(NamedTuple):
    status_code: int
    headers: dict[str, str]
    content: bytes


class Client:
    """Asks for exactly the path it is given: libraries tidy paths up."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, method: str = "GET", token: str | None = f"Bearer {TOKEN}") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {} if token is None else {"Authorization": token}
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        found = Answer(answer.status, named, answer.read())
        connection.close()
        return found


@pytest.fixture
def client(lab: Lab) -> Iterator[Client]:
    (lab.base / "token").write_text(f"{TOKEN}\n")
    api = Api(Options(token_file=Path("token"), host="127.0.0.1", port=0), lab.base, lab.log)
    api.start()
    yield Client(api.port)
    api.stop(10.0)


def test_every_published_file_is_served_as_it_is(client: Client, lab: Lab) -> None:
    paths = [path for path in lab.log.rglob("*") if path.is_file()]
    kinds = {path.relative_to(lab.log).parts[0] for path in paths}
    assert kinds == {"checkpoint", "checkpoints", "tile", "blobs", "log.json"}
    for path in paths:
        answer = client.get(f"/audit/{path.relative_to(lab.log)}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), path


def test_what_changes_is_not_kept_and_what_does_not_is_for_ever(client: Client, lab: Lab) -> None:
    def said(path: str) -> tuple[str, str]:
        answer = client.get(f"/audit/{path}")
        return answer.headers["content-type"], answer.headers["cache-control"]

    forever = "private, max-age=31536000, immutable"
    text = "text/plain; charset=utf-8"
    assert said("checkpoint") == (text, "no-cache")
    assert said("log.json") == ("application/json", "no-cache")
    assert said(f"checkpoints/{lab.size:020d}") == (text, forever)
    assert said("tile/0/000") == ("application/octet-stream", forever)
    assert said("tile/entries/000") == ("application/octet-stream", forever)
    sizes = [int(line) for line in client.get("/audit/checkpoints/").content.split()]
    assert sizes[-1] == lab.size


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN]
)
def test_without_the_token_there_is_nothing(client: Client, header: str | None) -> None:
    for path in ("checkpoint", "nowhere", "tile/0/000"):
        answer = client.get(f"/audit/{path}", token=header)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    [
        "../audit.state/head.json",
        "..%2Faudit.state%2Fhead.json",
        "%2e%2e/audit.state/head.json",
        "tile/../../audit.state/head.json",
        "blobs/../../audit.state/head.json",
        "epochs/../../audit.state/head.json",
        "epochs/../checkpoint",
        "//etc/passwd",
        "/etc/passwd",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/000/",
        "tile/0/000.p/1/2",
        "blobs/",
        "blobs/abc",
        "checkpoints/1",
        "checkpoint%00",
        "checkpoint/",
        "",
        ".",
        "secret",
        "kept",
    ],
)
def test_no_other_file_can_be_asked_for(client: Client, lab: Lab, path: str) -> None:
    (lab.log / "secret").write_text("secret")
    assert client.get(f"/audit/{path}").status_code == 404


def test_a_link_in_the_folder_is_no_way_out(client: Client, lab: Lab) -> None:
    """Only names that a log has are served, so a link would have to take the place of one."""
    (lab.log / "link").symlink_to(lab.base / "audit.state")
    assert client.get("/audit/link/head.json").status_code == 404


def test_nothing_can_be_written(client: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.get("/audit/checkpoint", method).status_code == 405


def test_a_partial_file_that_a_wider_one_replaced_is_made_from_that(
    client: Client, lab: Lab
) -> None:
    answer = client.get("/audit/tile/entries/000.p/3")
    whole = (lab.log / "tile/entries/000").read_bytes()
    assert answer.status_code == 200
    assert whole.startswith(answer.content)
    assert len(client.get("/audit/tile/0/000.p/3").content) == 96


def test_where_the_private_files_are_is_told_to_nobody(client: Client, lab: Lab) -> None:
    hint = json.loads((lab.log / "log.json").read_bytes())
    assert "state" not in hint
    lab.put("log.json", json.dumps({**hint, "state": "../../srv/private"}).encode())
    answer = client.get("/audit/log.json")
    assert json.loads(answer.content) == hint
    lab.put("log.json", b"no JSON")
    assert client.get("/audit/log.json").status_code == 404


def test_an_older_epoch_is_served_below_its_name(client: Client, lab: Lab) -> None:
    name = lab.origin.rpartition("/")[2]
    shutil.copytree(lab.log, lab.base / "older")
    shutil.move(lab.base / "older", lab.log / "epochs" / name)
    for path in ("checkpoint", "tile/0/000", "log.json", f"checkpoints/{lab.size:020d}"):
        answer = client.get(f"/audit/epochs/{name}/{path}")
        assert answer.content == (lab.log / path).read_bytes()
    assert client.get(f"/audit/epochs/{name}/epochs/{name}/checkpoint").status_code == 404


def test_a_token_file_that_holds_none_is_refused_at_the_start(lab: Lab) -> None:
    for content in ("", "short", "has spaces in it but is long"):
        (lab.base / "token").write_text(content)
        api = Api(Options(token_file=Path("token"), host="127.0.0.1", port=0), lab.base, lab.log)
        with pytest.raises(ExportError, match="16 characters or more"):
            api.start()
    (lab.base / "token").unlink()
    with pytest.raises(ExportError, match="No such file"):
        api.start()


@pytest.mark.parametrize(("mode", "told"), [(0o644, 1), (0o640, 0), (0o600, 0)])
def test_a_token_that_every_user_can_read_is_told_at_the_start(
    lab: Lab, mode: int, told: int
) -> None:
    (lab.base / "token").write_text(TOKEN)
    (lab.base / "token").chmod(mode)
    with capture_logs() as logged:
        assert read_token(lab.base / "token") == TOKEN
    assert [line["event"] for line in logged] == ["api_token_exposed"] * told


def test_a_port_in_use_is_named(lab: Lab, client: Client) -> None:
    options = Options(token_file=Path("token"), host="127.0.0.1", port=client.port)
    with pytest.raises(ExportError, match=f"cannot listen on 127.0.0.1:{client.port}"):
        Api(options, lab.base, lab.log).start()


def test_an_auditor_pulls_and_verifies_what_is_served(
    client: Client, lab: Lab, tmp_path: Path
) -> None:
    url, token = f"http://127.0.0.1:{client.port}/audit", str(lab.base / "token")
    copy = tmp_path / "copy"
    assert main(["audit", "pull", url, "-o", str(copy), "--token-file", token]) == 0
    assert main(["audit", "verify", str(copy), "--key", str(lab.vkey)]) == 4
    assert main(["audit", "pull", url, "-o", str(copy), "--token-file", token]) == 0
    assert main(["audit", "verify", str(copy), "--key", str(lab.vkey)]) == 0
    kept = str(lab.base / "kept")
    assert main(["audit", "verify", url, "--against", kept, "--token-file", token]) == 0
    assert main(["audit", "verify", url]) == 3


def test_an_auditors_connections_are_closed(client: Client, lab: Lab, tmp_path: Path) -> None:
    url, token = f"http://127.0.0.1:{client.port}/audit", str(lab.base / "token")
    command = ["audit", "pull", url, "-o", str(tmp_path / "copy"), "--token-file", token]
    assert left_open(lambda: main(command)) == []
    assert (tmp_path / "copy" / "checkpoint").exists()
