"""`[tool.torchfix]`: read where it is near, and never half understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.findings import Level
from torchfix_codemods.source.errors import SettingsError
from torchfix_codemods.source.settings import Settings, load_settings
from torchfix_codemods.source.verify_settings import VerifySettings

EVERYTHING = """
[project]
name = "x"

[tool.torchfix]
select = ["TFC1", "volatile-variable"]
ignore = ["TFC101"]
exclude = ["third_party/"]
up-to = "crash-fix"
allow-dirty = true

[tool.torchfix.per-file-ignores]
"tests/**" = ["TFC303"]
"conv*.py" = ["TFC2", "TFC3"]
"!src/" = ["TFC4"]

[tool.torchfix.verify]
script = "train.py"
args = ["--epochs", "1"]
env = { A = "b" }
seconds = 5
prepare = "make data"
files = ["data"]
"""


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "pyproject.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_everything(tmp_path: Path) -> None:
    file = written(tmp_path, EVERYTHING)
    loaded = load_settings(tmp_path)
    assert loaded == Settings(
        select=("TFC1", "volatile-variable"),
        ignore=("TFC101",),
        exclude=("third_party/",),
        up_to=Level.CRASH_FIX,
        per_file_ignores=(("tests/**", ("TFC303",)), ("conv*.py", ("TFC2", "TFC3")), ("!src/", ("TFC4",))),
        allow_dirty=True,
        verify=VerifySettings(
            script=("train.py",),
            args=("--epochs", "1"),
            env=(("A", "b"),),
            seconds=5.0,
            prepare=(("make", "data"),),
            files=("data",),
        ),
        file=file,
    )
    assert loaded.root == tmp_path
    assert loaded.ignored_in(tmp_path / "src/a.py") == ()
    assert loaded.ignored_in(tmp_path / "src/deep/conv1.py") == ("TFC2", "TFC3")
    assert loaded.ignored_in(tmp_path / "tests/deep/a.py") == ("TFC303", "TFC4")
    assert loaded.ignored_in(tmp_path.parent / "conv.py") == ("TFC2", "TFC3", "TFC4")


def test_no_settings(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "missing" / "a.py") == Settings()
    written(tmp_path, "[tool.ruff]\nline-length = 88\n")
    assert load_settings(tmp_path) == Settings() and Settings().root is None
    assert Settings().ignored_in(tmp_path / "a.py") == ()
    written(tmp_path, "[tool.torchfix]\n")
    assert load_settings(tmp_path) == Settings(file=tmp_path / "pyproject.toml")


def test_the_nearest_file_that_names_us_counts(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    written(tmp_path, "[tool.torchfix]\nselect = ['TFC1']\n")
    written(tmp_path / "a", "[tool.torchfix]\nselect = ['TFC2']\n")
    written(tmp_path / "a" / "b", "[project]\nname = 'no settings of ours'\n")
    assert load_settings(tmp_path / "a" / "b" / "c" / "x.py").select == ("TFC2",)
    assert load_settings(tmp_path / "x.py").select == ("TFC1",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("slect = []", "[tool.torchfix] unknown key 'slect', did you mean 'select'?"),
        ("up_to = 'behavior'", "[tool.torchfix] unknown key 'up_to', did you mean 'up-to'?"),
        ("colour = 1", "[tool.torchfix] unknown key 'colour'"),
        ("select = 'TFC1'", "[tool.torchfix] select: must be a list of strings"),
        ("ignore = [1]", "[tool.torchfix] ignore: must be a list of strings"),
        ("allow-dirty = 1", "[tool.torchfix] allow-dirty: must be true or false"),
        ("baseline = ''", "[tool.torchfix] baseline: must be a string that is not empty"),
        ("baseline = ['a']", "[tool.torchfix] baseline: must be a string that is not empty"),
        (
            "up-to = 'behaviour'",
            "[tool.torchfix] up-to: must be one of equivalent, crash-fix, behavior, suggestion, "
            "did you mean 'behavior'?",
        ),
        ("up-to = 2", "[tool.torchfix] up-to: must be one of equivalent, crash-fix, behavior, suggestion"),
        ("per-file-ignores = {a = 'b'}", "[tool.torchfix] per-file-ignores: each value must be a list of strings"),
        ("per-file-ignores = {'!' = []}", "[tool.torchfix] per-file-ignores: '!' is no valid pattern"),
        ("verify = 1", "[tool.torchfix] verify: must be a table"),
        ("verify = {sript = 'x'}", "[tool.torchfix] verify: unknown key 'sript', did you mean 'script'?"),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path: Path, text: str, expected: str) -> None:
    file = written(tmp_path, f"[tool.torchfix]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    assert str(caught.value) == f"{file}: {expected}"


@pytest.mark.parametrize("text", ["[tool.torchfix]\nselect = [\n\n", "x = torchfix", b"[tool.torchfix]\nx = '\xff'"])
def test_broken_toml_is_one_clear_line(tmp_path: Path, text: str | bytes) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and message.isprintable()
    assert any(word in message for word in ("line", "end of document", "not UTF-8"))


def test_the_line_of_broken_toml(tmp_path: Path) -> None:
    written(tmp_path, "[tool.torchfix]\nselect = []\nignore = ?\n")
    with pytest.raises(SettingsError, match=r"\(at line 3, column 10\)"):
        load_settings(tmp_path)


@pytest.mark.parametrize("text", ["tool = 'torchfix'", "[tool]\ntorchfix = 1", "torchfix = " + "[" * 5000])
def test_odd_tables(tmp_path: Path, text: str) -> None:
    written(tmp_path, text)
    if text == "tool = 'torchfix'":
        assert load_settings(tmp_path) == Settings()
    else:
        with pytest.raises(SettingsError):
            load_settings(tmp_path)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(SettingsError, match="is a directory"):
        load_settings(tmp_path)


values = st.recursive(
    st.booleans() | st.integers(0, 9) | st.sampled_from(["TFC1", "behavior", "*.py", "!", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "script", "*.py"]), inner),
    max_leaves=4,
)
KEYS = ["select", "ignore", "exclude", "up-to", "per-file-ignores", "allow-dirty", "baseline", "verify", "other"]


def toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return "{" + ", ".join(f"'{key}' = {toml(inner)}" for key, inner in value.items()) + "}"
        case int():
            return str(value)
    return f"'{value}'"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4))
def test_any_table_is_understood_or_refused(tmp_path: Path, table: dict[str, object]) -> None:
    written(tmp_path, "[tool.torchfix]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items()))
    try:
        loaded = load_settings(tmp_path)
    except SettingsError as error:
        assert str(error).isprintable()
        return
    assert set(table) <= set(KEYS[:-1])
    assert list(loaded.select) == table.get("select", [])
    assert dict(loaded.per_file_ignores) == {k: tuple(v) for k, v in table.get("per-file-ignores", {}).items()}  # type: ignore[attr-defined]
    loaded.ignored_in(tmp_path / "a.py")


def test_the_baseline_counts_from_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.torchfix]\nbaseline = "lists/known.json"\n')
    (tmp_path / "sub").mkdir()
    assert load_settings(tmp_path / "sub").baseline_file == tmp_path / "lists/known.json"
    assert load_settings(tmp_path.parent).baseline_file is None
