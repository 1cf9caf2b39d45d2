"""`[tool.torchfix.verify]`: how programs are run, never half understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.source.errors import SettingsError
from torchfix_codemods.source.settings import load_settings
from torchfix_codemods.source.verify_settings import VerifySettings


def load(folder: Path, text: str) -> VerifySettings:
    (folder / "pyproject.toml").write_text(f"[tool.torchfix.verify]\n{text}\n", encoding="utf-8")
    return load_settings(folder).verify


def test_every_key(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        """
        script = ["train.py", "eval.py"]
        args = "--name 'two words' -v"
        prepare = ["python make.py --n 3", ["make", "my data"]]
        env = { DATA = "x", EMPTY = "" }
        files = "data"
        folder = "runs"
        python = "../venv/bin/python"
        inner = 2
        outer = 1
        steps = 8
        forwards = 9
        seconds = 1.5
        batch = 0
        memory = 0
        device = "cpu-redirect"
        sandbox = "audit-hook"
        standins = ["datasets", "inert"]
        text = true
        [[tool.torchfix.verify.scripts]]
        script = "gan/main.py"
        args = []
        standins = false
        """,
    )
    assert loaded == VerifySettings(
        script=("train.py", "eval.py"),
        args=("--name", "two words", "-v"),
        prepare=(("python", "make.py", "--n", "3"), ("make", "my data")),
        env=(("DATA", "x"), ("EMPTY", "")),
        files=("data",),
        folder="runs",
        python="../venv/bin/python",
        inner=2,
        outer=1,
        steps=8,
        forwards=9,
        seconds=1.5,
        batch=0,
        memory=0,
        device="cpu-redirect",
        sandbox="audit-hook",
        standins=("datasets", "inert"),
        text=True,
        scripts=(VerifySettings(script=("gan/main.py",), args=(), standins=()),),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scrpt = 'a'", "unknown key 'scrpt', did you mean 'script'?"),
        ("limits = {seconds = 5}", "unknown key 'limits'"),
        ("script = 3", "script: must be a string or a list of strings"),
        ("script = ['a', ' ']", "script: must be a string that is not empty"),
        ("args = ['--epochs', 1]", "args: must be a list of strings"),
        ('args = "it\'s"', 'args: "it\'s": no closing quotation'),
        ("args = ['\\u0000']".replace("'", '"'), "args: no program takes an argument with a null character"),
        ("prepare = [[]]", "prepare: a command must not be empty"),
        ("prepare = [1]", "prepare: must be a string or a list of strings"),
        ("prepare = {}", "prepare: must be a list of commands, such as "),
        ("env = {A = 1}", "env: must be a table of strings, such as "),
        ("env = {'A=' = 'x'}", "env: 'A=' can't be a variable of the environment"),
        ("inner = 0", "inner: must be a whole number, at least 1"),
        ("steps = true", "steps: must be a whole number, at least 1"),
        ("batch = -1", "batch: must be a whole number, at least 0"),
        ("seconds = 0", "seconds: must be a number of seconds above 0, at most 86400"),
        ("seconds = nan", "seconds: must be a number of seconds above 0, at most 86400"),
        ("device = 'gpu'", "device: must be one of auto, cuda, cpu-redirect"),
        ("sandbox = 'bublewrap'", "sandbox: must be one of auto, bubblewrap, namespaces, audit-hook, did you mean"),
        ("standins = true", "standins: must be false or a list of kinds"),
        ("standins = ['dataset']", "standins: must be one of torchvision, datasets, "),
        ("text = 'yes'", "text: must be true or false"),
        ("scripts = ['a.py']", "scripts: must be a list of tables, each with its script"),
        ("scripts = [{args = []}]", "scripts: table 1: needs one script"),
        ("scripts = [{script = 'a'}, {script = ['b', 'c']}]", "scripts: table 2: needs one script"),
        ("scripts = [{script = 'a', scripts = []}]", "scripts: table 1: unknown key 'scripts', did you mean 'script'?"),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'pyproject.toml'}: [tool.torchfix] verify: {expected}")
    assert str(caught.value).isprintable()


def test_one_place_over_another() -> None:
    table = VerifySettings(args=("-v",), seconds=9.0, env=(("A", "1"), ("B", "1")), files=("data",))
    program = VerifySettings(args=(), env=(("B", "2"), ("C", "2")), batch=0)
    assert program.over(table) == VerifySettings(
        args=(), seconds=9.0, env=(("A", "1"), ("B", "2"), ("C", "2")), files=("data",), batch=0
    )
    assert VerifySettings().over(table) == table == table.over(VerifySettings())


given_settings = st.builds(
    VerifySettings,
    args=st.none() | st.tuples() | st.tuples(st.sampled_from(["-v", "--x=1"])),
    env=st.none() | st.dictionaries(st.sampled_from("ABC"), st.sampled_from("12")).map(lambda d: tuple(d.items())),
    seconds=st.none() | st.floats(1, 9),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_settings, given_settings, given_settings)
def test_going_over_is_associative(a: VerifySettings, b: VerifySettings, c: VerifySettings) -> None:
    def plain(one: VerifySettings) -> tuple[object, ...]:
        return one.args, one.seconds, None if one.env is None else dict(one.env)

    assert plain(a.over(b).over(c)) == plain(a.over(b.over(c)))
