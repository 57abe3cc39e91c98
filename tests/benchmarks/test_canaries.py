from __future__ import annotations

import base64
import codecs
import json
import os
import subprocess
import sys
from collections.abc import Callable
from random import Random
from urllib.parse import quote

import pytest
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.canaries.canary import Canary
from benchmarks.canaries.faults import FAULTS
from benchmarks.canaries.life import live
from benchmarks.canaries.questions import KINDS
from benchmarks.canaries.search import present, search, search_memory
from benchmarks.canaries.suite import plan
from benchmarks.canaries.ways import WAYS
from benchmarks.canaries.wire import Http2
from orchestrator.types import Sensitivity

NAME = Canary("Törvald Enziquarsk", Sensitivity.PERSONAL, "name")
ACCOUNT = Canary("DE72 1188 0807 1229 3086 01", Sensitivity.PRIVATE, "account")
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "in capitals": str.upper,
    "spelled": " ".join,
    "spelled with dashes": "-".join,
    "backwards": lambda text: text[::-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind something": lambda text: base64.b64encode(f"ab{text}c".encode()).decode(),
    "base64 behind one more": lambda text: base64.b64encode(f"abc{text}".encode()).decode(),
    "hex": lambda text: text.encode().hex().upper(),
    "url": quote,
    "json": json.dumps,
    "rot13": lambda text: codecs.encode(text, "rot13"),
}


@pytest.mark.parametrize("canary", [NAME, ACCOUNT], ids=["name", "account"])
@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_found_in_every_form(canary: Canary, form: str) -> None:
    text = f"a line before {FORMS[form](canary.text)}, and one behind".encode()
    assert [leak.canary for leak in present([canary], text, "here")] == [canary]


def test_half_a_name_is_found_and_other_words_are_none() -> None:
    assert list(present([NAME], b"PERSON_1 ENZIQUARSK came", "here"))
    assert not list(present([NAME, ACCOUNT], b"A quart of milk for Torben; 1188 0807 1229", "here"))


@given(st.integers(0, 10_000))
def test_no_life_has_a_canary_in_another(seed: int) -> None:
    one, other = live(Random(seed)), live(Random(seed + 1))
    everything = "\n".join(f"{each.title} {each.body} {each.people} {each.place}" for each in one.records).encode()
    assert not list(present(other.canaries, everything, "another life"))
    assert {leak.canary.text for leak in present(one.canaries, everything, "home")} == {
        canary.text for canary in one.canaries
    }


def test_outside_public_words_may_be_and_inside_nothing() -> None:
    public = Canary("velmorandik", Sensitivity.PUBLIC, "word")
    stranger = Canary("Kezu Mogestoumasch", Sensitivity.PERSONAL, "unknown name", sure=False)
    texts = [("somewhere", f"{public.text}, {stranger.text}, {NAME.text}".encode())]
    outside = search([public, stranger, NAME], texts, outside=True)
    assert (outside.let_out, [miss.canary for miss in outside.missed]) == (1, [stranger])
    assert [leak.canary for leak in outside.leaks] == [NAME]
    assert len(search([public, stranger, NAME], texts, outside=False).leaks) == 3


@given(st.lists(st.binary(max_size=40), max_size=5), st.randoms(use_true_random=False))
def test_http2_is_read_back_from_any_pieces(messages: list[bytes], random: Random) -> None:
    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    head = Encoder().encode([(b"x-told", b"velmorandik"), (b"x-told", b"velmorandik")], huffman=True)
    sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 0, 1, head[:3])
    sent += frame(9, 4, 1, head[3:]) + b"".join(frame(0, 0, 1, message) for message in messages)
    sent += frame(0, 8, 3, b"\x02padded\0\0") + (9).to_bytes(3, "big") + b"\0\0\0\0\0\5cut "
    reader = Http2()
    while sent:
        size = random.randint(1, len(sent))
        reader.feed(sent[:size])
        sent = sent[size:]
    said = reader.take()
    assert said.count(b"x-told: velmorandik") == 2
    assert b"".join(messages) in said
    assert said.endswith(b"padded\ncut ")
    assert reader.take().strip() == b"cut"


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc, of Linux")
def test_the_memory_of_a_process_is_searched() -> None:
    program = "import sys; kept = [sys.stdin.readline().upper()]; print('ready', flush=True); sys.stdin.readline()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"velmorandik\n")
        child.stdin.flush()
        child.stdout.readline()
        kept, other = (Canary(text, Sensitivity.PRIVATE, "word") for text in ("VELMORANDIK", "QUESTIBRAUX"))
        finds = search_memory([kept, other], child.pid)
        child.stdin.close()
    assert {leak.canary for leak in finds.leaks} == {kept}
    assert finds.searched["the gateway's memory"] > 1_000_000


def test_every_kind_way_and_fault_has_its_turn() -> None:
    trials = plan(len(FAULTS) * 2, seed=1)
    assert {trial.kind for trial in trials} == set(KINDS)
    assert {trial.way for trial in trials} == set(WAYS)
    assert {trial.fault for trial in trials} == set(FAULTS)
    assert plan(5, seed=1) == trials[:5]
    assert {trial.fault for trial in plan(9, seed=1, faults=["echo", "none"])} == {"echo", "none"}
