"""What goes to the runner: outputs that nobody forges, text that it does not obey; what an event says of a token."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runner_log import obeyed, read_outputs

from torchfix_codemods.delivery.action.runner import Runner, command, mask, say
from torchfix_codemods.source.errors import UsageError

ANY_TEXT = st.text(st.characters(codec="utf-8"))


@given(value=ANY_TEXT)
def test_any_value_of_an_output_comes_back(value: str, tmp_path_factory: pytest.TempPathFactory):
    file = tmp_path_factory.mktemp("outputs") / "output"
    runner = Runner({"GITHUB_OUTPUT": str(file)})
    runner.output("report", value)
    runner.output("fixes", "3")
    assert read_outputs(file.read_bytes().decode()) == {"report": value, "fixes": "3"}


def test_the_delimiter_of_an_output_is_another_each_time(tmp_path: Path):
    file = tmp_path / "output"
    for _ in range(2):
        Runner({"GITHUB_OUTPUT": str(file)}).output("a", "b")
    marks = re.findall(r"a<<(\w+)", file.read_text())
    assert len(set(marks)) == 2 and all(len(mark) > 30 for mark in marks)


def test_the_summary_is_added_to_what_other_steps_said(tmp_path: Path):
    file = tmp_path / "summary"
    file.write_text("before\n")
    Runner({"GITHUB_STEP_SUMMARY": str(file)}).summary("## torchfix \ud800\n\n")
    assert file.read_text() == "before\n## torchfix \\ud800\n"


def test_without_a_runner_outputs_and_summary_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Runner({}).output("fixes", "1")
    Runner({}).summary("text")
    assert list(tmp_path.iterdir()) == []


@given(
    lines=st.lists(st.one_of(ANY_TEXT, st.sampled_from(["::error::x", "a\n::add-path::/x", "\r::set-env name=A::b"])))
)
def test_no_line_of_text_is_obeyed(lines: list[str]):
    assert obeyed(printed(lambda: say(lines))) == []


@given(value=ANY_TEXT, title=ANY_TEXT)
def test_a_command_is_one_line_whatever_it_holds(value: str, title: str):
    log = printed(lambda: command("error", value, title))
    assert re.fullmatch(r"::error[^\n\r]*::[^\n\r]*\n", log)
    told = log.rstrip("\n").split("::", 2)[2]
    assert told.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%") == value


def test_the_token_and_what_git_sends_for_it_are_masked(capsys: pytest.CaptureFixture[str]):
    mask("ghs_abc")
    sent = base64.b64encode(b"x-access-token:ghs_abc").decode()
    assert capsys.readouterr().out.splitlines() == ["::add-mask::ghs_abc", f"::add-mask::{sent}"]


def event(tmp_path: Path, name: str, payload: object, **others: str) -> Runner:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(payload))
    known = {"GITHUB_REPOSITORY": "o/r", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}
    return Runner(known | others)


def pull(head: object) -> dict[str, object]:
    return {"pull_request": {"head": {"repo": head}, "base": {"sha": "b" * 40}}}


def test_which_tokens_only_read(tmp_path: Path):
    fork, own = pull({"full_name": "someone/r"}), pull({"full_name": "o/r"})
    assert "fork" in event(tmp_path, "pull_request", fork).only_reads()
    assert "fork" in event(tmp_path, "pull_request", pull(None)).only_reads(), "a fork that was deleted"
    assert event(tmp_path, "pull_request", own).only_reads() == ""
    assert "Dependabot" in event(tmp_path, "push", {}, GITHUB_ACTOR="dependabot[bot]").only_reads()
    assert event(tmp_path, "schedule", fork).only_reads() == "", "no pull request started it"


def test_an_odd_event_is_no_crash(tmp_path: Path):
    assert event(tmp_path, "pull_request", ["x"]).base_of_pull_request() == ""
    assert event(tmp_path, "pull_request", {"pull_request": {"base": {"sha": 3}}}).base_of_pull_request() == ""
    assert event(tmp_path, "pull_request", pull(None)).base_of_pull_request() == "b" * 40
    (tmp_path / "event.json").write_text("{" * 100_000)
    with pytest.raises(UsageError, match="GITHUB_EVENT_PATH"):
        Runner({"GITHUB_EVENT_PATH": str(tmp_path / "event.json")}).event()


def printed(work) -> str:
    """What `work` prints; a fixture would be shared by all examples of a property."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as stream:
        work()
    return stream.getvalue()
