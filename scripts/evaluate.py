"""How much of the known mistakes `torchfix` finds, and how often it is wrong.

    python scripts/evaluate.py mutants [--select TFC101 ...] [--programs NAME ...] [--run] [--keep FILE] [--markdown]
    python scripts/evaluate.py wild FOLDER... [--root DIR] [--sheet FILE.csv|FILE.jsonl]
    python scripts/evaluate.py labels FILE.jsonl --root DIR [--complete]

`mutants` plants each mistake in the correct programs of `corpus/` and prints the recall of findings and of default
fixes per rule, and what is said of the programs as they are. A mutant counts when it compiles, when a run of the
program reaches its line and, where only a run can tell (with `--run`: always), when its run shows the mistake.

`wild` scans folders, each as a project of its own, and writes a sheet to be labelled by hand. `labels` compares
findings with labels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from evaluate_parts import labels, recall, wild
from evaluate_parts.mutants import CODES
from evaluate_parts.programs import CORPUS, programs
from evaluate_parts.tables import aligned, markdown


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 with one line on standard error for what cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("mutants", help="recall on mistakes that are planted in correct programs")
    command.set_defaults(command=_mutants)
    command.add_argument("--select", nargs="+", default=list(CODES), choices=CODES, metavar="CODE")
    command.add_argument("--programs", nargs="+", default=[], metavar="NAME", help="only these programs of the corpus")
    command.add_argument("--corpus", type=Path, default=CORPUS, help="another corpus")
    command.add_argument("--run", action="store_true", help="run every mutant: only what shows its mistake counts")
    command.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep what runs show in this file, for the next time"
    )
    command.add_argument("--markdown", action="store_true", help="print the table of the README and nothing else")
    command.add_argument("--rejected", action="store_true", help="list the mutants that do not count too")

    command = commands.add_parser("wild", help="findings in folders, and a sheet to label them")
    command.set_defaults(command=_wild)
    command.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    command.add_argument("--root", type=Path, default=Path.cwd(), help="paths of the sheet are relative to this folder")
    command.add_argument("--sheet", type=Path, metavar="FILE", help="write every finding here: .csv or .jsonl")

    command = commands.add_parser("labels", help="precision and recall against labels")
    command.set_defaults(command=_labels)
    command.add_argument("file", type=Path, metavar="FILE.jsonl")
    command.add_argument("--root", type=Path, required=True, help="the folder that holds the labelled projects")
    command.add_argument("--complete", action="store_true", help="findings without a label are wrong ones")
    return parser


def _mutants(options: argparse.Namespace) -> None:
    known = programs(options.corpus)
    if unknown := sorted(set(options.programs) - {program.name for program in known}):
        raise ValueError(f"no such program: {', '.join(unknown)}")
    chosen = [program for program in known if not options.programs or program.name in options.programs]
    if not chosen:
        raise ValueError(f"{options.corpus}: no programs")
    result = recall.with_runs(chosen, options.select, options.keep, _tell, all_run=options.run)
    table = list(recall.rows(result, options.select))
    if options.markdown:
        print(markdown(table))
        return
    lines = [*recall.missed(result), *(recall.not_counted(result) if options.rejected else ())]
    print("\n".join([*lines, "", aligned(table)]))
    print(f"\n{len(chosen)} programs, {len(result.outcomes)} mutants, {len(result.rejected)} that are none")


def _wild(options: argparse.Namespace) -> None:
    scanned = wild.scan(options.folders, options.root)
    if options.sheet:
        wild.write_sheet(scanned, options.sheet)
    print(aligned(list(wild.rows(scanned))))
    print("\n".join(wild.summary(scanned)))


def _labels(options: argparse.Namespace) -> None:
    given = labels.read_labels(options.file)
    projects = sorted({label.path.split("/")[0] for label in given})
    scanned = wild.scan([options.root / project for project in projects], options.root)
    found = [one for checked in scanned.values() for one in checked.found]
    print(aligned(list(labels.rows(labels.figures(given, found, complete=options.complete)))))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
