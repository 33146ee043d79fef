"""Passwords: what is refused, the pause after failures, the second factor, and hashes."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pyotp
import pytest

from files_service.core import Core
from files_service.domain.throttle import pause_after
from files_service.errors import ServiceUnavailable
from files_service.runtime.password_hashing import AT_ONCE, QUEUE, Cost, PasswordHashing
from files_service.services.accounts.account import require_account
from tests.cores import at, attempt, call, refusal
from tests.gateway.serving import Served, wait_until
from tests.people.persons import PASSWORD, login, post, register
from tests.waiting import PATIENCE_SECONDS


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "nine byte",
        "x" * 1_025,
        "aaaaaaaaaaaa",
        "abababababab",
        "qwertyuiop",
        "Qwertyuiop",
        "password123",
        "manchester1!",
        "margaretha12",
        "\ud800" * 12,
    ],
)
def test_a_password_that_is_short_or_tried_first_is_refused(served: Served, password: str) -> None:
    error = refusal(served.core, "accounts.register", name="margaretha", password=password)
    assert (error.code, list(error.details["fields"])) == ("bad_request", ["password"])


@pytest.mark.parametrize("password", ["ten bytes!", "пароль подлинный", "x1" * 200 + "yz!", "   spaces  count   "])
def test_any_other_password_is_taken_as_it_is_typed(served: Served, password: str) -> None:
    call(served.core, "accounts.register", name="ann", password=password)
    assert login(served, password=password).status == 200
    assert login(served, password=password.strip() + " ").status == 401


def test_the_pause_doubles_up_to_five_minutes() -> None:
    assert [pause_after(n) for n in (0, 5, 6, 7, 8, 14, 15, 10_000)] == [
        0,
        0,
        1_000,
        2_000,
        4_000,
        256_000,
        300_000,
        300_000,
    ]


def fail(core: Core, name: str, address: str = "1.2.3.4", password: str = "wrong password") -> Any:
    return refusal(core, "accounts.login", name=name, password=password, address=address)


def test_after_five_failures_an_account_waits_and_is_never_locked(served: Served) -> None:
    core, now = served.core, served.core.clock()
    call(core, "accounts.register", name="ann", password=PASSWORD)
    # Each from another address; the name need not exist.
    for name in ("ann", "nobody"):
        for number in range(6):
            assert fail(at(core, now), name, f"9.9.9.{number}").code == "unauthorized"
        error = fail(at(core, now), name, "8.8.8.8")
        assert (error.code, error.details["retry_after_seconds"]) == ("too_many_requests", 1)
    refused = refusal(at(core, now + 999), "accounts.login", name="ann", password=PASSWORD)
    assert refused.code == "too_many_requests"
    call(at(core, now + 1_000), "accounts.login", name="ann", password=PASSWORD)
    assert fail(at(core, now + 1_001), "ann", "7.7.7.7").code == "unauthorized"


def test_failures_by_a_clock_that_was_ahead_lock_no_account(served: Served) -> None:
    core, now = served.core, served.core.clock()
    call(core, "accounts.register", name="ann", password=PASSWORD)
    for number in range(6):
        fail(at(core, now + 365 * 86_400_000), "ann", f"9.9.9.{number}")
    call(at(core, now), "accounts.login", name="ann", password=PASSWORD)
    for number in range(6):
        fail(at(core, now + 60_000), "ann", f"9.9.9.{number}")
    # A step of the clock by a minute gives nobody more attempts.
    assert fail(at(core, now), "ann", "8.8.8.8").details["retry_after_seconds"] > 0


def test_an_address_waits_whatever_names_it_tries_and_an_own_success_helps_it_not(served: Served) -> None:
    core, now = served.core, served.core.clock()
    call(core, "accounts.register", name="eve", password=PASSWORD)
    for number in range(6):
        fail(at(core, now), f"name{number}")
        if number == 4:
            call(at(core, now), "accounts.login", name="eve", password=PASSWORD, address="1.2.3.4")
    assert fail(at(core, now), "ann").code == "too_many_requests"
    assert fail(at(core, now), "ann", "4.3.2.1").code == "unauthorized"


def test_nobody_makes_the_address_of_others_wait(served: Served) -> None:
    ann, eve = register(served), register(served, "eve")
    for _ in range(7):
        said = {"token": eve.token, "current": "wrong password", "address": "203.0.113.9"}
        reply = post(served, "/rpc/accounts.set_password", eve.headers, password="another good one", **said)
        assert reply.status in (403, 429), reply.body
    served.result("accounts.login", name="ann", password=PASSWORD, address="203.0.113.9")
    assert ann.is_signed_in


def test_the_gateway_says_how_long_to_wait(served: Served) -> None:
    register(served)
    replies = [login(served, password="wrong password") for _ in range(7)]
    assert [reply.status for reply in replies] == [401] * 6 + [429]
    assert replies[-1].headers["Retry-After"] == "1"
    assert replies[-1].code == "too_many_requests"


def test_unknown_names_wrong_passwords_and_disabled_accounts_are_one_answer_after_one_comparison(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = served.core
    verified: list[str | None] = []

    def verify(hashed: str | None, password: bytes) -> bool:
        verified.append(hashed)
        return real(hashed, password)

    real = core.passwords.verify
    for name in ("ann", "bob"):
        call(core, "accounts.register", name=name, password=PASSWORD)
    call(core, "accounts.update", owner="bob", disabled=True)
    monkeypatch.setattr(core.passwords, "verify", verify)
    answers = [
        login(served, name, password)
        for name, password in (("ann", "wrong password"), ("nobody", PASSWORD), ("bob", PASSWORD))
    ]
    bodies = [{**each.json, "request_id": ""} for each in answers]
    assert [each.status for each in answers] == [401] * 3
    assert bodies == [bodies[0]] * 3
    assert len(verified) == 3


def test_the_comparison_with_nobody_is_the_work_of_a_real_one() -> None:
    hashing = PasswordHashing(Cost(memory_kib=64, passes=2, lanes=1))
    real = hashing.hash(PASSWORD.encode())
    assert hashing.verify(real, PASSWORD.encode())
    assert not hashing.verify(None, PASSWORD.encode())
    # Same algorithm, version, cost, and lengths of salt and digest.
    nobodys = hashing._nobodys()
    assert nobodys.split("$")[:4] == real.split("$")[:4]
    assert [len(each) for each in nobodys.split("$")] == [len(each) for each in real.split("$")]


def test_passwords_are_hashed_as_the_manual_says() -> None:
    assert PasswordHashing().hash(b"x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_hash_of_another_cost_is_made_anew_at_the_next_sign_in(served: Served) -> None:
    core = served.core
    call(core, "accounts.register", name="ann", password=PASSWORD)
    stronger = replace(core, passwords=PasswordHashing(Cost(memory_kib=16, passes=2, lanes=1)))
    for _ in range(2):
        call(stronger, "accounts.login", name="ann", password=PASSWORD)
        assert "m=16,t=2,p=1" in str(require_account(core, "ann").password)


def test_beyond_the_queue_sign_ins_are_refused_and_the_rest_get_their_turn() -> None:
    hashing, inside = PasswordHashing(Cost(8, 1, 1)), threading.Semaphore(0)
    gate, outcomes = threading.Event(), []

    def sign_in() -> None:
        with hashing.turn():
            inside.release()
            gate.wait(PATIENCE_SECONDS)
            outcomes.append("turn")

    threads = [threading.Thread(target=sign_in) for _ in range(AT_ONCE + QUEUE)]
    for thread in threads:
        thread.start()
    for _ in range(AT_ONCE):
        assert inside.acquire(timeout=PATIENCE_SECONDS)
    wait_until(lambda: not hashing._places._value)
    assert not inside.acquire(blocking=False)
    with pytest.raises(ServiceUnavailable), hashing.turn():
        pass
    gate.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(outcomes) == AT_ONCE + QUEUE


def test_the_second_factor_is_needed_counts_once_and_has_recovery_codes(served: Served) -> None:
    core, now = served.core, served.core.clock()
    token = call(core, "accounts.register", name="ann", password=PASSWORD)["token"]
    app = pyotp.TOTP(call(core, "accounts.begin_totp", token=token)["secret"])

    def sign_in(when: int, code: str | None = None) -> Any:
        answer = attempt(at(core, when), "accounts.login", name="ann", password=PASSWORD, code=code)
        return answer.details.get("totp") if not isinstance(answer, dict) else "in"

    # An unconfirmed one does not count.
    assert sign_in(now) == "in"
    assert refusal(core, "accounts.confirm_totp", token=token, code="000000").code == "bad_request"
    codes = call(at(core, now), "accounts.confirm_totp", token=token, code=app.at(now // 1000))["recovery_codes"]
    assert len(set(codes)) == 10
    assert sign_in(now) == "required"
    # The confirmation used this code up.
    assert sign_in(now, app.at(now // 1000)) == "wrong"
    later = now + 60_000
    assert [sign_in(later, app.at(later // 1000)) for _ in range(2)] == ["in", "wrong"]
    # An earlier step is over, too.
    assert sign_in(later, app.at(later // 1000 - 30)) == "wrong"
    assert [sign_in(later, codes[0].upper()) for _ in range(2)] == ["in", "wrong"]
    assert sign_in(later, codes[1]) == "in"
    assert refusal(core, "accounts.begin_totp", token=token).code == "conflict"
    assert refusal(core, "accounts.remove_totp", token=token, code="000000").code == "forbidden"
    call(core, "accounts.remove_totp", token=token, code=codes[2])
    assert sign_in(later) == "in"
