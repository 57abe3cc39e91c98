"""Who may ask: keys, names, origins, and what address may be listened on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.serve.access import check_binding, is_loopback
from orchestrator.errors import ConfigError

Build = Callable[..., Any]
KEY = "s3cret-kéy"


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer", "Basic s3cret", f"Bearer {KEY}x", "Bearer \xff"])
def test_a_wrong_key_is_turned_away_from_all_that_tells_of_the_user(house: Build, given: str | None) -> None:
    home = house(api_key=KEY)
    headers = {"authorization": given.encode()} if given else {}
    for path in ("/v1/models", "/api/status", "/v1/chat/completions", "/nothing"):
        response = home.request("GET", path, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
        assert response.headers["www-authenticate"] == "Bearer"
        assert KEY not in response.text
    assert home.request("GET", "/health").status_code == 200
    assert home.request("GET", "/").status_code == 200


def test_the_right_key_opens(house: Build) -> None:
    home = house(api_key=KEY)
    assert home.post(headers={"authorization": f"bearer  {KEY}".encode()}).status_code == 200


def test_without_a_key_any_key_is_fine(house: Build) -> None:
    assert house().post(headers={"authorization": "Bearer whatever"}).status_code == 200


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", "10.0.0.1", ""])
def test_on_loopback_a_foreign_name_is_refused(house: Build, name: str) -> None:
    assert house().request("GET", "/api/status", headers={"host": name}).status_code == 400


@pytest.mark.parametrize("name", ["localhost", "localhost:8642", "127.0.0.1:1", "[::1]:8642", "LOCALHOST"])
def test_on_loopback_its_own_names_are_fine(house: Build, name: str) -> None:
    assert house().request("GET", "/api/status", headers={"host": name}).status_code == 200


def test_in_a_container_any_name_is_fine(house: Build) -> None:
    assert house(host="0.0.0.0").request("GET", "/health", headers={"host": "agent:8642"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://[bad"])
def test_pages_of_other_sites_are_refused_before_they_cost_anything(house: Build, origin: str) -> None:
    home = house()
    response = home.post(headers={"origin": origin})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "foreign_origin")
    assert home.local.asked == []
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_its_own_page_may_ask(house: Build) -> None:
    assert house().post(headers={"origin": "http://localhost"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("laptop.local", False),
    ],
)
def test_beyond_this_machine_a_key_is_needed(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    check_binding(host, "key", allow_open=False)
    check_binding(host, None, allow_open=True)
    if loopback:
        check_binding(host, None, allow_open=False)
    else:
        with pytest.raises(ConfigError, match="--api-key-env"):
            check_binding(host, None, allow_open=False)
