"""The evaluation: mutants are planted where they should be, labels and findings are matched, figures are printed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import evaluate  # noqa: E402
from evaluate_parts import (  # noqa: E402
    labels,
    losses,
    mutants,
    phases,
    programs,
    recall,
    shows,
    statistics,
    targets,
    tensors,
    updates,
)
from evaluate_parts.checking import Found  # noqa: E402
from evaluate_parts.labels import Label, figures, match  # noqa: E402
from evaluate_parts.spots import Spots, edited  # noqa: E402

# Spots: the text and its edits


def planted(text: str, mutator: object) -> dict[str, list[str]]:
    """The texts that a mutator makes of one, by its operators."""
    text = dedent(text).lstrip()
    found: dict[str, list[str]] = {}
    for mutation in mutator(Spots("a.py", text)):  # type: ignore[operator]
        found.setdefault(f"{mutation.code} {mutation.operator}", []).append(edited(text, mutation.edits))
    return found


LOOP = """
import torch
import torch.nn as nn
import torch.nn.functional as F
criterion = nn.CrossEntropyLoss().cuda()
for x, y in loader:
    out = model(x)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_an_activation_is_put_before_the_loss():
    at_loss = planted(LOOP, losses.at_the_loss)
    assert "loss = criterion(torch.softmax(out, dim=1), y)" in at_loss["TFC101 softmax at the loss"][0]
    assert "loss = criterion(out.log_softmax(dim=1), y)" in at_loss["TFC102 log_softmax method at the loss"][0]
    assert "loss = criterion(torch.nn.Softmax(dim=1)(out), y)" in at_loss["TFC101 Softmax at the loss"][0]
    assert not any(key.startswith("TFC103") for key in at_loss), "BCEWithLogits is not here"
    assert "out = model(x).softmax(dim=1)" in planted(LOOP, losses.at_the_model)["TFC101 softmax on the local"][0]


def test_an_activation_is_put_at_the_end_of_a_model():
    text = """
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                nn.Linear(2, 3),
            )
        def forward(self, x):
            return self.net(x), x
    """
    source = planted(text, losses.at_the_source)
    assert "return self.net(x).softmax(dim=1), x" in source["TFC101 softmax in the tuple of forward"][0]
    attribute = source["TFC103 Sigmoid attribute in the tuple of forward"][1]
    assert "self.last_activation = nn.Sigmoid()\n" in attribute and "self.last_activation(x)" in attribute
    sequential = planted(text, losses.in_sequential)["TFC101 Softmax in a Sequential"][0]
    assert "nn.Linear(2, 3), nn.Softmax(dim=1),\n" in sequential


def test_a_with_is_taken_away_and_its_block_moves_left():
    text = """
    import torch
    def test(model, loader):
        with torch.no_grad():
            # one batch after the other
            for x in loader:
                print(model(x))

    for x in loader:
        with torch.no_grad():
            goal = teacher(x)
        F.mse_loss(model(x), goal).backward()
    """
    found = planted(text, phases.no_no_grad)
    assert list(found) == ["TFC202 no no_grad"] and len(found["TFC202 no no_grad"]) == 1, "a target is none"
    assert "def test(model, loader):\n    for x in loader:\n        print(model(x))\n" in found["TFC202 no no_grad"][0]
    volatile = planted(text, phases.volatile)["TFC201 volatile for no_grad"][0]
    assert "    for x in loader:\n        print(model(torch.autograd.Variable(x, volatile=True)))" in volatile


def test_a_change_of_mode_goes_with_its_line():
    text = """
    for epoch in range(3):
        model.train()  # here
        teacher.eval()
        for x in loader:
            loss(model(x), teacher(x)).backward()
        if epoch:
            model.eval()
        netG.eval()
    """
    found = planted(text, phases.no_mode)
    assert "    pass  # here\n" in found["TFC302 no train()"][0], "a comment stays"
    assert "if epoch:\n        pass\n" in found["TFC301 no eval()"][0]
    assert len(found["TFC301 no eval()"]) == 1, "a teacher and a generator are no evaluation"


def test_a_class_with_modes_of_its_own_is_none():
    text = """
    from torch import nn
    class Net(nn.Module):
        def train(self, mode=True):
            return super().train(mode)
    net.eval()
    """
    assert planted(text, phases.no_mode) == {}
    assert planted(text.replace("nn.Module", "object"), phases.no_mode), "a trainer may have a method of that name"


def test_dropout_loses_its_flag_and_layers_become_functions():
    text = """
    import torch.nn as nn
    import torch.nn.functional as F
    class Net(nn.Module):
        def __init__(self):
            self.drop = nn.Dropout(0.2)
        def forward(self, x):
            return F.dropout(self.drop(x), p=0.5, training=self.training)
    def noise(x):
        return F.dropout(x, training=True)
    """
    found = planted(text, phases.dropout_without_mode)
    assert "return F.dropout(self.drop(x), p=0.5)\n" in found["TFC303 no training="][0]
    assert "F.dropout(F.dropout(x, 0.3), p=0.5" in found["TFC303 F.dropout for nn.Dropout"][0]
    assert sum(map(len, found.values())) == 2


def test_gradients_are_not_cleared_or_at_the_wrong_time():
    found = planted(LOOP, updates.uncleared)
    assert "zero_grad" not in found["TFC204 no zero_grad"][0]
    assert "loss.backward()\n    optimizer.zero_grad()\n" in found["TFC204 zero_grad after backward"][0]
    assert "optimizer.zero_grad()\nfor x, y in loader:\n" in found["TFC204 zero_grad before the loop"][0]


def test_steps_of_a_gan_keep_a_graph():
    text = """
    for x in loader:
        fake = G(z)
        d_loss = bce(D(fake.detach()), zero)
        d_loss.backward()
        d_opt.step()
        g_loss = bce(D(fake), one)
        g_loss.backward()
        g_opt.step()
    """
    found = planted(text, updates.graph_kept_for_a_second_step)
    kept = found["TFC203 retain_graph for detach"][0]
    assert "D(fake)" in kept and "d_loss.backward(retain_graph=True)" in kept and "detach" not in kept
    assert "    d_opt.step()\n    g_loss.backward()" in found["TFC203 step between forward and backward"][0]
    assert len(planted(text, updates.needless_graph)["TFC203 needless retain_graph"]) == 2


def test_an_accumulated_loss_is_not_divided():
    text = """
    for i, (x, y) in enumerate(loader):
        loss = f(x, y)
        loss = loss / steps
        loss.backward()
        if (i + 1) % steps == 0:
            opt.step()
            opt.zero_grad()
    """
    found = planted(text, updates.accumulation)
    assert "/ steps" not in found["TFC205 undivided loss"][0]
    assert "enumerate(loader):\n    opt.zero_grad()\n" in found["TFC205 window cleared in every batch"][0]


def test_windows_are_cleared_too_often_and_cut_short():
    text = """
    for i, (x, y) in enumerate(loader):
        loss = f(x, y)
        loss /= steps
        scaler.scale(loss).backward()
        if (i + 1) % steps == 0 or i + 1 == len(loader):
            scaler.step(opt)
            opt.zero_grad()
    """
    found = planted(text, updates.accumulation)
    assert "loss /= steps" not in found["TFC205 undivided loss"][0]
    assert found["TFC205 cleared in every batch too"][0].count("zero_grad") == 2
    assert "if (i + 1) % steps == 0:\n" in found["TFC205 rest of the window lost"][0]


def test_a_clearing_for_a_loop_that_clears_is_no_missing_one():
    text = """
    for epoch in range(3):
        opt.zero_grad()
        for x in loader:
            f(x).backward()
            opt.step()
            opt.zero_grad()
    """
    assert len(planted(text, updates.uncleared)["TFC204 no zero_grad"]) == 1


def test_targets_get_graphs():
    text = """
    import torch
    @torch.no_grad()
    def wanted(x):
        return teacher(x)
    for p in teacher.parameters():
        p.requires_grad = False
    other.requires_grad_(False)
    loss = f(net(x), slow(x).detach())
    """
    found = {**planted(text, targets.target_with_graph), **planted(text, targets.teacher_that_learns)}
    assert "import torch\ndef wanted(x):" in found["TFC105 no @no_grad"][0]
    assert "f(net(x), slow(x))" in found["TFC105 no detach"][0]
    loop, call = found["TFC105 not frozen"]
    assert "teacher.parameters" not in loop and "other.requires_grad_" not in call


FREEZING = """
def train(model, loader):
    model.train()
    model.backbone.eval()
    for m in model.neck.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.eval()
    model.freeze_bn()
    teacher.eval()
    work(model, loader)
    other.eval()
"""


def test_what_keeps_statistics_is_gone_or_too_early():
    found = planted(FREEZING, statistics.kept_part)
    gone, early = found["TFC304 frozen part stays in train()"], found["TFC304 evaluation before train()"]
    assert ["backbone" in text for text in gone] == [False, True] and "neck" not in gone[1]
    assert "    model.backbone.eval()\n    model.train()\n    for m" in early[0]
    assert "    for m in model.neck.modules():\n        if isinstance" in early[1].split("model.train()")[0]
    assert "    model.freeze_bn()\n    model.train()\n" in early[2]
    assert len(gone) == 2 and len(early) == 3, "freeze_bn() may be meant, a teacher may learn, other() comes later"
    frozen = planted("teacher.requires_grad_(False)\n" + FREEZING, statistics.kept_part)
    assert len(frozen["TFC304 frozen part stays in train()"]) == 3, "a frozen teacher is none that learns"


def test_a_class_no_longer_keeps_its_part():
    text = """
    class Net(nn.Module):
        def forward(self, x):
            return self.stem(x)
        def train(self, mode=True):
            super().train(mode)
            self.stem.eval()
    """
    (without,) = planted(text, statistics.kept_by_the_class)["TFC304 no train() of its own"]
    assert "def train" not in without and "return self.stem(x)" in without


def test_images_and_indices_get_the_wrong_shape_and_type():
    text = """
    import torch
    import torch.nn.functional as F
    a = F.interpolate(img.unsqueeze(0), size=(4, 4)).squeeze(0)
    b = F.interpolate(img[None], scale_factor=2)[0]
    c = F.interpolate(batch, scale_factor=2)
    index = torch.tensor([0, 1], dtype=torch.long)
    d = torch.index_select(a, 0, index)
    """
    unbatched = planted(text, tensors.unbatched)
    first, second = unbatched["TFC401 no batch dimension"]
    assert "a = F.interpolate(img, size=(4, 4)).squeeze(0)\n" in unbatched["TFC401 batch dimension taken off alone"][0]
    assert "a = F.interpolate(img, size=(4, 4))\n" in first and "b = F.interpolate(img, scale_factor=2)\n" in second
    found = planted(text, tensors.wrong_index)
    assert "index_select(a, 0, index.tolist())" in found["TFC402 list as the index"][0]
    assert "dtype=torch.int16" in found["TFC402 dtype=torch.int16"][0]
    assert "index_select(a, 0, index.bool())" in found["TFC402 mask as the index"][0]


@pytest.mark.parametrize("program", [p.name for p in programs.programs()])
def test_every_mutant_differs_in_one_file_and_is_python(program: str):
    chosen = next(p for p in programs.programs() if p.name == program)
    found = list(mutants.mutants(chosen))
    planted_ones = [one for one in found if isinstance(one, mutants.Mutant)]
    assert planted_ones
    for one in planted_ones:
        changed = [path for path, text in one.texts.items() if text != chosen.files[path].raw]
        assert changed == [one.path], one.name
    assert not any("no Python" in one.reason for one in found if isinstance(one, mutants.Rejected))


def test_every_rule_has_mutants():
    planted_codes = {m.mutation.code for p in programs.programs() for m in mutants.mutants(p) if hasattr(m, "mutation")}
    assert planted_codes == set(mutants.CODES)


# Runs

SEEN = {"exception": None, "warnings": [], "forwards": [], "inputs": [], "backwards": [], "replays": [], "output": ""}


def test_a_run_shows_a_mistake_or_does_not():
    given_softmax = {
        **SEEN,
        "inputs": [{"loss": "cross_entropy", "last": "Softmax", "grad": True, "target_grad": False}],
    }
    assert shows.shows("TFC101", SEEN, given_softmax) and not shows.shows("TFC101", given_softmax, given_softmax)
    assert not shows.shows("TFC102", SEEN, given_softmax)
    crashed = {**SEEN, "exception": {"type": "RuntimeError"}}
    assert shows.shows("TFC402", SEEN, crashed) and not shows.shows("TFC101", SEEN, crashed)
    assert shows.shows("TFC203", SEEN, SEEN), "a needless graph changes nothing"
    assert all(shows.shows(code, SEEN, SEEN) in (True, False) for code in mutants.CODES)


def test_log_probabilities_that_somebody_needs_are_no_mutant():
    """What is redundant changes no number, but for rounding; who reads the numbers shows others."""
    inputs = [{"loss": "cross_entropy", "last": "LogSoftmax", "grad": True, "target_grad": False}]
    base = {**SEEN, "backwards": [[1.5]], "output": "loss 1.5000 of 3\n"}
    redundant = {**base, "inputs": inputs, "backwards": [[1.5000001]], "output": "loss 1.5001 of 3\n"}
    assert shows.shows("TFC102", base, redundant)
    assert not shows.shows("TFC102", base, {**redundant, "backwards": [[2.5]]})
    assert not shows.shows("TFC102", base, {**redundant, "output": "loss 0.1 of 3\n"})


def test_statistics_are_seen_to_move():
    still, moving = ({**SEEN, "forwards": [{"norms": count}]} for count in (1, 2))
    assert shows.shows("TFC304", still, moving) and not shows.shows("TFC304", moving, moving)


def accuracy_rows() -> dict[str, list[str]]:
    """The rows of the README's table, by their codes."""
    text = (SCRIPTS.parent / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- accuracy -->")[2].partition("<!-- /accuracy -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:5] == "| TFC"]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.slow
def test_the_table_of_the_readme_is_that_of_the_present_rules():
    """Each rule of the package that has mutators is in it, with as many mutants as it takes to say something.

    How many mutants count, only runs can tell (`scripts/evaluate.py mutants --markdown` makes the table anew); there
    are never more than are planted.
    """
    found = [m for p in programs.programs() for m in mutants.mutants(p) if isinstance(m, mutants.Mutant)]
    planted_ones = Counter(mutant.mutation.code for mutant in found)
    rows = accuracy_rows()
    assert list(rows) == [code for code in mutants.CODES if code in recall.codes()]
    assert planted_ones.keys() == rows.keys()
    for code, (count, hits, share, *_, wrong, wrong_fixes) in rows.items():
        assert 8 <= int(count) <= planted_ones[code], code
        assert float(share) >= 0.95 or int(hits) >= int(count) - 1, code
        assert wrong == wrong_fixes == "0", code


@pytest.mark.slow
def test_one_program_from_mutants_to_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    kept = tmp_path / "runs.json"
    command = ["mutants", "--programs", "tag_documents", "--select", "TFC202", "TFC301", "--keep", str(kept)]
    assert evaluate.main(command) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("1 programs, 2 mutants") and kept.exists()
    assert evaluate.main([*command, "--markdown"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[2] == "| TFC202 | 1 | 1 | 1.00 | 1 | 1.00 | 0 | 0 |" and len(table) == 4


# Labels


def found(line: int, end_line: int, rule: str = "r", path: str = "p/a.py", default: bool = True) -> Found:
    return Found(path, line, end_line, rule, "TFC000", "behavior", default, "", ())


def label(line: int, end_line: int, what: str = "fix", rule: str = "r", path: str = "p/a.py") -> Label:
    return Label(path, line, end_line, rule, what)


def test_lines_that_overlap_or_are_near_match():
    assert match([label(10, 12)], [found(12, 20)]) == {0: 0}
    assert match([label(10, 12)], [found(15, 15)]) == {0: 0}
    assert match([label(10, 12)], [found(16, 16)]) == {}
    assert match([label(10, 12)], [found(10, 12, rule="other")]) == {}
    assert match([label(10, 12)], [found(10, 12, path="p/b.py")]) == {}


def test_the_nearest_matches_and_one_matches_once():
    assert match([label(10, 10)], [found(12, 12), found(10, 10)]) == {0: 1}
    assert match([label(10, 10), label(12, 12)], [found(11, 11)]).keys() == {0}
    assert match([label(10, 10), label(13, 13)], [found(13, 13), found(15, 15)]) == {0: 0, 1: 1}, "both find one"


ranges = st.tuples(st.integers(1, 12), st.integers(0, 3)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(ranges, max_size=6), st.lists(ranges, max_size=6))
def test_a_matching_is_one_to_one_near_and_as_large_as_can_be(given_labels: list[tuple[int, int]], given_found: list):
    some, others = [label(*r) for r in given_labels], [found(*r) for r in given_found]
    matched = match(some, others)
    assert len(set(matched.values())) == len(matched)
    near = {(i, j) for i, a in enumerate(some) for j, b in enumerate(others) if labels._distance(a, b) is not None}
    assert set(matched.items()) <= near
    assert len(matched) == _largest(near, len(some))


def _largest(near: set[tuple[int, int]], count: int, used: frozenset[int] = frozenset(), i: int = 0) -> int:
    """The size of the largest matching, by trying all."""
    if i == count:
        return 0
    best = _largest(near, count, used, i + 1)
    for k, j in near:
        if k == i and j not in used:
            best = max(best, 1 + _largest(near, count, used | {j}, i + 1))
    return best


def test_what_counts_as_wrong():
    given_labels = [label(1, 1), label(20, 20, "report-only"), label(40, 40, "leave"), label(60, 60)]
    said = [found(1, 1), found(20, 20), found(40, 40, default=False), found(80, 80), found(1, 1, path="p/other.py")]
    one = figures(given_labels, said, complete=False)["r"]
    assert (one.mistakes, one.findings, one.right, one.wrong, one.unlabelled) == (3, 4, 2, 1, 1)
    assert (one.fixable, one.right_fixes, one.wrong_fixes) == (2, 1, 1), "a fix where only a report is right is wrong"
    complete = figures(given_labels, said, complete=True)["r"]
    assert (complete.wrong, complete.unlabelled, complete.wrong_fixes) == (2, 0, 2)


@given(st.lists(st.tuples(ranges, st.sampled_from(labels.LABELS)), max_size=6), st.lists(ranges, max_size=6))
def test_the_counts_add_up(given_labels: list, given_found: list):
    some, others = [label(*r, what) for r, what in given_labels], [found(*r) for r in given_found]
    for complete in (False, True):
        for one in figures(some, others, complete=complete).values():
            assert one.findings == (len(others) if some else 0)
            assert one.right <= one.mistakes and one.right_fixes <= one.fixable
            assert one.right_fixes + one.wrong_fixes <= one.findings


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "not an object"),
        ('{"path": "a.py"}', "no 'line'"),
        ('{"path": "a.py", "line": 3, "end_line": 1, "rule": "r", "label": "fix"}', "numbers from 1"),
        ('{"path": "a.py", "line": 1, "end_line": 1, "rule": "r", "label": "maybe"}', "none of fix"),
    ],
)
def test_a_wrong_label_is_one_line_of_error(line: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "labels.jsonl"
    file.write_text("\n" + line + "\n")
    assert evaluate.main(["labels", str(file), "--root", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}:2: ") and reason in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["labels", "no-such-file", "--root", "."],
        ["wild", "no-such-folder"],
        ["mutants", "--programs", "no-such-program"],
        ["mutants", "--corpus", "no-such-folder"],
    ],
)
def test_what_is_not_there_is_one_line_of_error(command: list[str], capsys: pytest.CaptureFixture[str]):
    assert evaluate.main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


# Scans

WILD = """
import torch
import torch.nn.functional as F


def predict(x):
    return F.interpolate(torch.rand(3, 8, 8), size=(4, 4))
"""


def test_a_scan_writes_a_sheet_whose_labels_are_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/a.py").write_text(WILD)
    (tmp_path / "one/broken.py").write_text("import torch\nx = (\n")
    sheet = tmp_path / "sheet.jsonl"
    assert evaluate.main(["wild", str(tmp_path / "one"), "--root", str(tmp_path), "--sheet", str(sheet)]) == 0
    out = capsys.readouterr().out
    assert "1 folders, 2 files" in out and "skipped: 1 syntax-error" in out
    row = json.loads(sheet.read_text())
    assert (row["path"], row["line"], row["rule"], row["label"]) == ("one/a.py", 7, "interpolate-needs-batch", "")
    assert row["code"].strip().startswith("return F.interpolate")

    sheet.write_text(json.dumps({**row, "label": "fix"}) + "\n")
    assert evaluate.main(["labels", str(sheet), "--root", str(tmp_path), "--complete"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == (
        "interpolate-needs-batch 1 1 1 0 0 1.00 1.00 1 1 1.00 1.00".split()
    )


def test_a_sheet_may_be_csv(tmp_path: Path):
    (tmp_path / "a.py").write_text(WILD)
    sheet = tmp_path / "sheet.csv"
    assert evaluate.main(["wild", str(tmp_path), "--root", str(tmp_path), "--sheet", str(sheet)]) == 0
    heading, row, *_ = sheet.read_text().splitlines()
    assert heading == "path,line,end_line,rule,level,default,message,code,label" and row.startswith("a.py,7,7,")


def test_the_table_says_which_rules_are_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recall, "codes", lambda: {"TFC101": "softmax-before-cross-entropy"})
    rows = list(recall.rows(recall.Recall((), (), ()), ["TFC101", "TFC402"]))
    assert rows[1][:4] == ("TFC101", 0, 0, "-") and rows[2][:3] == ("TFC402", 0, "no such rule")
