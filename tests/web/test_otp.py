"""One-time passwords, with the test vectors of RFC 6238."""

from __future__ import annotations

from base64 import b32encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.otp import OneTimeCodes, generate_otp, secret_of, secrets_for
from tests.web.fakes import StepClock

RFC_SECRET = b32encode(b"12345678901234567890").decode()
# RFC 6238, appendix B: time and the eight digits of SHA-1. Six digits are the last six of them.
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.mark.row("A181", "D22")
@pytest.mark.parametrize(("at", "code"), VECTORS)
def test_codes_are_those_of_the_rfc(clock: StepClock, at: int, code: str) -> None:
    clock.at = at

    assert generate_otp(RFC_SECRET, clock) == code[2:]
    assert OneTimeCodes().verify([RFC_SECRET], code[2:], at)


@pytest.mark.row("A181", "D22")
@pytest.mark.parametrize(
    ("late", "accepted"), [(-61, False), (-60, False), (-30, True), (0, True), (30, True), (59, True), (60, False)]
)
def test_the_codes_of_three_periods_are_accepted(clock: StepClock, late: int, accepted: bool) -> None:
    clock.at = 1_800_000_000 // 30 * 30
    code = generate_otp(RFC_SECRET, clock)

    assert OneTimeCodes().verify([RFC_SECRET], code, clock.at + late) is accepted


@pytest.mark.row("A181")
def test_a_code_is_accepted_once(clock: StepClock) -> None:
    codes, code = OneTimeCodes(), generate_otp(RFC_SECRET, clock)

    assert codes.verify([RFC_SECRET], code, clock.at)
    assert not codes.verify([RFC_SECRET], code, clock.at)
    assert not codes.verify([RFC_SECRET], code, clock.at + 29)
    clock.step(seconds=30)
    assert codes.verify([RFC_SECRET], generate_otp(RFC_SECRET, clock), clock.at)


@pytest.mark.row("A181")
def test_a_code_may_be_accepted_again_on_request(clock: StepClock) -> None:
    codes, code = OneTimeCodes(), generate_otp(RFC_SECRET, clock)

    assert [codes.verify([RFC_SECRET], code, clock.at, once=False) for _ in range(3)] == [True] * 3


@pytest.mark.row("A181")
def test_the_code_of_one_secret_does_not_use_up_that_of_another() -> None:
    codes, clock = OneTimeCodes(), StepClock()

    for key in ("one", "two"):
        secrets = secrets_for(key, None)
        assert codes.verify(secrets, generate_otp(key, clock), clock.at)


@pytest.mark.row("A181")
@pytest.mark.parametrize("code", [None, "", "12345", "1234567", "abcdef", "１２３４５６", 0, b"123456", "12345\n6", []])
def test_what_is_no_code_is_refused(clock: StepClock, code: Any) -> None:
    assert not OneTimeCodes().verify([RFC_SECRET], code, clock.at)


@pytest.mark.row("A181")
@given(st.from_regex(r"[0-9]{6}", fullmatch=True))
def test_only_the_three_right_codes_are_accepted(code: str) -> None:
    clock = StepClock()
    right = set()
    for shift in (-30, 0, 30):
        clock.at = StepClock().at + shift
        right.add(generate_otp(RFC_SECRET, clock))

    assert OneTimeCodes().verify([RFC_SECRET], code, StepClock().at) is (code in right)


@pytest.mark.row("A181")
def test_the_usual_secret_is_derived_from_the_securekey(clock: StepClock) -> None:
    key = "ds8fdsflksdjf9879dsf;?<>Asda"

    secret = secret_of(key)

    assert (len(secret), secret == b32encode(key.encode()[:20]).decode()) == (32, False)
    # A client knows either of both and comes to the same code.
    assert generate_otp(key, clock) == generate_otp(secret, clock)
    assert generate_otp(" ".join([secret[:16], secret[16:]]), clock) == generate_otp(secret, clock)
    assert secrets_for(["new", key], None) == [secret_of("new"), secret]
    assert secrets_for(key, RFC_SECRET) == [RFC_SECRET]


@pytest.mark.row("A181")
def test_without_a_secret_it_says_so() -> None:
    with pytest.raises(ValueError, match="secret"):
        generate_otp("")
    with pytest.raises(SetupError, match=r"pref\.securekey"):
        secrets_for(None, None)
