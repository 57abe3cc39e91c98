"""`edgewise egress export` and `verify`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.context.shown import counted, print_json
from edge_agent.cli.egress.opening import opened
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from edge_agent.egress.chain import Head, Verdict


def export(
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; without it, the terminal.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write the whole log as lines of JSON, with hashes, so that it can be checked elsewhere.

    It has what was sent word for word: the file is yours alone. docs/privacy.md says how to check it without Edgewise.

    \b
      edgewise egress export --out left.jsonl
      edgewise egress verify --file left.jsonl
    """
    from edge_agent.cli.files import write_lines
    from edge_agent.egress.export import lines_of

    with opened(config) as log:
        if out is None:
            for line in lines_of(log.links()):
                sys.stdout.write(line + "\n")
            return
        count = write_lines(out, lines_of(log.links()))
    console().print(f"Wrote {count:,} {'entry' if count == 1 else 'entries'} to {out}.", markup=False)


def verify(
    file: Annotated[Path | None, typer.Option("--file", help="An exported log in place of this device's.")] = None,
    head: Annotated[
        str | None, typer.Option("--head", metavar="NUMBER:HASH", help="The newest entry of an earlier look.")
    ] = None,
    begin_anew: Annotated[
        bool, typer.Option("--begin-anew", help="Accept that the log is gone; its chain tells so from now on.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check that nothing in the log was changed, added or taken out; status 1 where something was.

    Each entry's hash covers the one before it. The newest is also kept in the journal, so that a log that was cut off
    shows. Whoever can write to both can write both anew: against that, note the head that is printed here somewhere
    else, on paper say, and give it with --head next time.

    If you deleted the log yourself, --begin-anew accepts that: an entry of the new one says when, and what is gone.

    \b
      edgewise egress verify
      edgewise egress verify --head 45:3f2a…
      edgewise egress verify --file left.jsonl
    """
    known = [] if head is None else [_head(head)]
    if begin_anew and file is not None:
        raise InvalidRequest("an exported log cannot begin anew", remedy="leave out --file")
    if file is None:
        with opened(config) as log:
            if begin_anew:
                log.begin_anew()
            verdict = log.verify(known)
    else:
        verdict = _verify_file(file, known)
    if as_json:
        print_json(
            {
                "intact": verdict.broken_at is None,
                "entries": verdict.entries,
                "contents": verdict.contents,
                "head": str(verdict.head) if verdict.head else None,
                "broken_at": verdict.broken_at,
                "fault": verdict.fault or None,
                "begun_at": verdict.begun_at,
            }
        )
    else:
        _print(verdict)
    if verdict.broken_at is not None:
        if file is None and not as_json:
            console(stderr=True).print("If you deleted the log yourself: `edgewise egress verify --begin-anew`.")
        raise typer.Exit(1)


def _verify_file(file: Path, known: list[Head]) -> Verdict:
    from edge_agent.egress.chain import verify as look
    from edge_agent.egress.export import links_in

    try:
        with file.open(encoding="utf-8") as lines:
            return look(links_in(lines), known)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidRequest(f"the file {file} cannot be read: {reason}", remedy="name another") from None


def _head(words: str) -> Head:
    from edge_agent.egress.chain import Head

    if (match := re.fullmatch(r"(\d+):([0-9a-f]{64})", words)) is None:
        raise InvalidRequest("--head is none", remedy="write it as `edgewise egress verify` printed it: NUMBER:HASH")
    return Head(int(match[1]), match[2])


def _print(verdict: Verdict) -> None:
    out = console()
    if verdict.broken_at is not None:
        out.print(f"[bold red]broken[/bold red] at entry {verdict.broken_at}: {verdict.fault}")
        return
    if verdict.head is None:
        out.print("The log is empty, and nothing is known to be missing.")
        return
    entries = "1 entry, and it is" if verdict.entries == 1 else f"{verdict.entries:,} entries, all of them are"
    out.print(f"{entries} as written. Of {counted(verdict.contents, 'call')} the words are kept.")
    for number in verdict.begun_at:
        out.print(f"At entry {number} you accepted that an earlier log is gone.")
    out.print(f"head: {verdict.head}")
