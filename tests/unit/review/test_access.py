"""Who may come in."""

from __future__ import annotations

from email.message import Message

import pytest

from velox.review.access import COOKIE, LONGEST_NAME, Access, of_this_site

TOKEN = "a-token-of-the-tests"  # noqa: S105 - nobody's


def headers(**given: str) -> Message:
    found = Message()
    for name, value in given.items():
        found[name.replace("_", "-")] = value
    return found


def test_the_cookie_brings_the_name_back() -> None:
    access = Access(TOKEN)
    cookie = access.cookie(TOKEN, "  Zoë\n of line 3 ")
    assert cookie is not None
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {each.strip() for each in cookie.split(";")}
    value = cookie.partition(";")[0]
    assert Access(TOKEN).who(headers(Cookie=f"other=1; {value}")) == "Zoë of line 3"
    assert Access(TOKEN + "x").who(headers(Cookie=value)) is None


@pytest.mark.parametrize("token", ["", TOKEN[:-1], TOKEN + " ", "ä" * 20, "\ud800"])
def test_another_token_opens_nothing(token: str) -> None:
    access = Access(TOKEN)
    assert access.cookie(token, "somebody") is None
    assert access.who(headers(Authorization=f"Bearer {token.encode('utf-8', 'replace')!r}")) is None


@pytest.mark.parametrize("name", ["", " \n\x1b", "\t"])
def test_somebody_without_a_name_does_not_come_in(name: str) -> None:
    assert Access(TOKEN).cookie(TOKEN, name) is None


def test_a_name_that_was_changed_is_a_strangers() -> None:
    access = Access(TOKEN)
    cookie = access.cookie(TOKEN, "one") or ""
    other = access.cookie(TOKEN, "other") or ""
    seal = cookie.partition(";")[0].partition(".")[2]
    mixed = f"{other.partition('.')[0]}.{seal}"
    assert access.who(headers(Cookie=mixed)) is None


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        COOKIE,
        f"{COOKIE}=",
        f"{COOKIE}=.",
        f"{COOKIE}=####.00",
        f"{COOKIE}=AAAA.é",
        "\x00=;;=",
        '"',
    ],
)
def test_an_odd_cookie_is_a_strangers(cookie: str) -> None:
    assert Access(TOKEN).who(headers(Cookie=cookie)) is None


def test_a_program_shows_the_token_itself_and_may_have_a_name() -> None:
    access = Access(TOKEN)
    assert access.who(headers(Authorization=f"Bearer {TOKEN}")) == "program"
    long = headers(authorization=f"bearer {TOKEN}", x_reviewer="a" * 500)
    assert access.who(long) == "a" * LONGEST_NAME
    assert access.who(headers(Authorization=f"Bearer {TOKEN}", X_Reviewer=" ")) == "program"
    assert access.who(headers(Authorization=f"Basic {TOKEN}")) is None
    assert access.who(headers()) is None


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({"Origin": "http://here:8010", "Host": "here:8010", "Cookie": "a=b"}, True),
        ({"Origin": "https://here", "Host": "here", "Cookie": "a=b"}, True),
        ({"Origin": "http://evil", "Host": "here:8010", "Cookie": "a=b"}, False),
        ({"Origin": "http://here:8011", "Host": "here:8010"}, False),
        ({"Origin": "null", "Host": "here:8010"}, False),
        ({"Origin": "", "Host": ""}, False),
        ({"Host": "here:8010", "Cookie": "a=b"}, False),
        ({"Host": "here:8010"}, True),
    ],
)
def test_what_changes_something_comes_from_here_or_from_a_program(
    given: dict[str, str], allowed: bool
) -> None:
    assert of_this_site(headers(**given)) is allowed
