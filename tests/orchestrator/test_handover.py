"""Answers that are given up for the cloud's before a word was shown: short ones too, and what the cloud does then."""

from __future__ import annotations

import pytest

from orchestrator.budget import Resource, Window
from orchestrator.errors import CloudTruncated, CloudUnavailable
from orchestrator.routing.confidence import hands_over
from orchestrator.routing.situation import Situation
from orchestrator.testing import CONFIDENT, UNSURE, Script
from orchestrator.types import Route, RoutePreference, TokenScore
from tests.orchestrator.world import EASY, HARD, World


def short(score: TokenScore) -> Script:
    return Script(pieces=["per", "haps"], scores=[score] * 2)


def test_a_short_unsure_answer_is_judged_at_its_end() -> None:
    world = World(local=short(UNSURE))
    answer = world.ask(EASY)
    assert (answer.text, answer.route) == ("from the cloud", Route.HANDOFF)
    assert "after 2 tokens the device's chance of a good answer was" in answer.reason


def test_a_short_sure_answer_is_shown() -> None:
    answer = World(local=short(CONFIDENT)).ask(EASY)
    assert (answer.text, answer.route) == ("perhaps", Route.LOCAL)


def test_a_short_unsure_answer_stands_where_the_cloud_is_lost() -> None:
    world = World(local=short(UNSURE), cloud=Script(pieces=[], fault=CloudUnavailable("gone")))
    answer = world.ask(EASY)
    assert answer.text.startswith("perhaps")
    assert world.local.asked[1].prefix == "perhaps"


@pytest.mark.parametrize("route", [RoutePreference.LOCAL, RoutePreference.AUTO])
def test_an_answer_stays_where_it_was_asked_for_or_no_request_is_left(route: RoutePreference) -> None:
    windows = [] if route is RoutePreference.LOCAL else [Window("asks", Resource.CLOUD_REQUESTS, 0, 3600)]
    answer = World(local=short(UNSURE), windows=windows).ask(EASY, route=route)
    assert (answer.text, answer.route) == ("perhaps", Route.LOCAL)


def test_what_was_judged_is_judged_again_from_the_stored_situation() -> None:
    world = World(local=short(UNSURE))
    answer = world.ask(EASY)
    stored = Situation.from_dict(world.witness.situations[0])
    chance = float(answer.reason.split("good answer was ")[1].split(",")[0])
    assert hands_over(stored, chance, written=2, max_tokens=world.witness.decisions[0].max_tokens)


def cut_off(*pieces: str) -> Script:
    """A cloud that dies behind these."""
    return Script(pieces=[*pieces, "never"], fault=CloudTruncated("cut"), fault_after=len(pieces))


@pytest.mark.parametrize(
    ("cloud", "shown"),
    [
        (["Bees ", "make ", "hon"], "Bees make "),
        (["Bees", " make", " hon"], "Bees make "),
        (["蜜蜂", "酿"], "蜜蜂"),
        (["So ", "👩", "\u200d"], "So "),
    ],
)
def test_a_cloud_that_dies_inside_a_word_leaves_whole_words(cloud: list[str], shown: str) -> None:
    world = World(local=Script(pieces=["wax"]), cloud=cut_off(*cloud))
    assert world.ask(HARD).text == shown + "wax"
    assert world.local.asked[0].prefix == shown


def test_a_device_that_says_again_what_was_shown_is_trimmed() -> None:
    world = World(local=Script(pieces=["Bees ", "make ", "honey", "."]), cloud=cut_off("Bees ", "make "))
    assert world.ask(HARD).text == "Bees make honey."


def test_a_cloud_that_dies_inside_its_first_word_has_shown_nothing() -> None:
    world = World(cloud=cut_off("Be"))
    answer = world.ask(HARD)
    assert (answer.text, world.local.asked[0].prefix) == ("honey, mostly", "")
    assert "before its first token" in answer.reason
