"""Which deliveries are one call."""

from __future__ import annotations

from files_service.messaging.rpc import executions
from files_service.messaging.rpc.executions import Executions, call_key


def test_a_delivery_of_a_running_call_waits_for_it() -> None:
    calls, key = Executions[str](), call_key("c-1", "files.update", b"{}")
    assert not calls.join(key, "first")
    execution = calls.start(key, "first")
    assert calls.join(key, "again")
    assert calls.finish(execution, b"reply") == ["first", "again"]
    assert not calls.join(key, "later")


def test_a_repeated_call_gets_its_reply_and_a_new_one_does_not() -> None:
    calls, key = Executions[str](), call_key("c-1", "files.update", b"{}")
    calls.finish(calls.start(key, "first"), b"reply")
    assert calls.reply_to(key, repeated=True) == b"reply"
    assert calls.reply_to(key, repeated=False) is None
    calls.connection_lost()
    assert calls.reply_to(key, repeated=False) == b"reply"


def test_what_a_call_says_belongs_to_its_name() -> None:
    calls = Executions[str]()
    calls.finish(calls.start(call_key("c-1", "files.update", b"{}"), "first"), b"reply")
    for key in (("c-2", "files.update", b"{}"), ("c-1", "files.remove", b"{}"), ("c-1", "files.update", b"[]")):
        assert calls.reply_to(call_key(*key), repeated=True) is None


def test_calls_without_a_name_are_each_their_own() -> None:
    calls, key = Executions[str](), call_key(None, "files.update", b"{}")
    first = calls.start(key, "first")
    assert not calls.join(key, "second")
    calls.finish(first, b"reply")
    assert calls.reply_to(key, repeated=True) is None


def test_running_calls_are_counted() -> None:
    calls = Executions[str]()
    one, two = calls.start(call_key("1", "m", b""), "1"), calls.start(None, "2")
    assert calls.running == 2
    calls.finish(one, b"")
    calls.abandon(two)
    assert calls.running == 0


def test_an_abandoned_call_leaves_nothing() -> None:
    calls, key = Executions[str](), call_key("1", "m", b"")
    calls.abandon(calls.start(key, "1"))
    assert not calls.join(key, "2")
    assert calls.reply_to(key, repeated=True) is None


def test_what_is_remembered_is_bounded() -> None:
    calls = Executions[str]()
    large = b"x" * (executions.MAX_REMEMBERED_BYTES // 4)
    keys = [call_key(f"{number}", "m", b"") for number in range(10)]
    for key in keys:
        calls.finish(calls.start(key, ""), large)
    known = [key for key in keys if calls.reply_to(key, repeated=True)]
    assert known == keys[-4:]
    for number in range(executions.MAX_REMEMBERED + 10):
        calls.finish(calls.start(call_key(f"small{number}", "m", b""), ""), b"y")
    assert calls.reply_to(call_key("small9", "m", b""), repeated=True) is None
    assert calls.reply_to(call_key("small10", "m", b""), repeated=True) == b"y"
