"""The benchmark, on an archive of a few lines: that it unpacks safely, measures and prints."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import bench  # noqa: E402
import bench_corpus  # noqa: E402

CODE = b"import torch.nn.functional as F\n\n\ndef sample(x):\n    return F.softmax(x, dim=1)\n"


def make_wheel(path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, CODE)


def test_a_wheel_gives_its_python_files_and_nothing_outside(tmp_path: Path):
    wheel, folder = tmp_path / "one-1.0-py3-none-any.whl", tmp_path / "out" / "deep"
    make_wheel(wheel, ["one/a.py", "one/data.txt", "../up.py", "/root.py", "one\\b.py", "c:/d.py"])
    assert bench_corpus.unpack(wheel, folder) == 1
    assert [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.py")] == [
        "deep/one/a.py"
    ]


def test_of_a_source_archive_only_regular_files_are_taken(tmp_path: Path):
    archive = tmp_path / "one-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tarred:
        info = tarfile.TarInfo("one-1.0/a.py")
        info.size = len(CODE)
        tarred.addfile(info, io.BytesIO(CODE))
        link = tarfile.TarInfo("one-1.0/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tarred.addfile(link)
    assert bench_corpus.unpack(archive, tmp_path / "out") == 1
    assert (tmp_path / "out/one-1.0/a.py").read_bytes() == CODE
    assert not (tmp_path / "out/one-1.0/link.py").exists()


def test_half_of_a_tree_is_about_half_of_its_bytes(tmp_path: Path):
    make_wheel(tmp_path / "one.whl", [f"one/p{number}/m.py" for number in range(10)])
    bench_corpus.unpack(tmp_path / "one.whl", tmp_path / "tree")
    tree = bench_corpus.tree_of(tmp_path / "tree")
    half = bench_corpus.half_of(tree, tmp_path / "half")
    assert len(half.files) == 5
    assert half.megabytes == pytest.approx(tree.megabytes / 2)


def test_ratios_are_of_medians_with_the_range_of_rounds():
    assert bench.ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == bench.Ratio(2.0, 2.0, 3.0)


def test_the_stages_are_read_from_what_our_run_tells():
    runs = [bench.Run(1.0, 2.0, 30.0, "nothing found\nread: 0.50 s\nrules: 1.00 s\n")]
    assert bench.shares(runs) == {"read": 0.25, "rules": 0.5, "start": 0.25}


@pytest.mark.skipif(shutil.which("ruff") is None and not Path(sys.executable).with_name("ruff").exists(), reason="ruff")
def test_it_runs_from_archive_to_figures(tmp_path: Path):
    (tmp_path / "archives").mkdir()
    make_wheel(tmp_path / "archives" / "one-1.0-py3-none-any.whl", ["one/a.py", "one/b.py", "two/c.py"])
    output = tmp_path / "figures.json"
    command = [sys.executable, SCRIPTS / "bench.py", "--archives", tmp_path / "archives", "--rounds", "1"]
    done = subprocess.run([*command, "--output", output], capture_output=True, text=True, check=True, timeout=120)
    figures = json.loads(output.read_text())
    assert figures["files"] == 3
    assert figures["analysed"] == "3 files analysed of 3"
    assert set(figures["ratios"]) == {"ruff", "compileall"}
    assert all(value["median"] > 0 for ratios in figures["ratios"].values() for value in ratios.values())
    assert set(figures["stages"]) >= {"discover", "read", "rules", "start"}
    assert "cpu / ruff: " in done.stdout and "growth" in done.stdout
