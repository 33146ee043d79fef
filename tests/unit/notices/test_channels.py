"""The setting of the channels, their refusal, and the secrecy of their addresses."""

from __future__ import annotations

import logging
import traceback

import pytest
from click.testing import CliRunner

from files_service.cli import cli
from files_service.domain.notices import Kind
from files_service.runtime.logs import redact
from files_service.services.notices.channels import BadChannel, Channel, Sender, parse_channels
from tests.cores import SECRETS
from tests.fakes.telegram import TOKEN, URL, BotApi

SECRET = TOKEN.partition(":")[2]


def test_the_setting_has_a_channel_in_each_place() -> None:
    text = f"# ours\nphone={URL} desk:safe,not_safe=json://127.0.0.1:1/?a=b\n"
    assert parse_channels(text) == [
        Channel(name="phone", url=URL),
        Channel(name="desk", url="json://127.0.0.1:1/?a=b", kinds=frozenset([Kind.SAFE, Kind.NOT_SAFE])),
    ]
    assert parse_channels("") == []
    both = parse_channels(f"a@22-7={URL} b:safe@0-9={URL}")
    assert [(each.quiet, each.kinds) for each in both] == [((22, 7), frozenset()), ((0, 9), frozenset([Kind.SAFE]))]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (URL, "channel 1"),
        (f"phone={TOKEN}", "channel 1"),
        (f"a={URL} b:safe;{URL}", "channel 2"),
        (f"phone={URL} phone={URL}", "phone"),
        (f"phone:all={URL}", "phone"),
        (f"ph/one={URL}", "channel 1"),
        (f"phone@24-7={URL}", "phone"),
    ],
)
def test_a_fault_of_the_setting_is_named_without_an_address(text: str, part: str) -> None:
    with pytest.raises(BadChannel) as caught:
        parse_channels(text)
    assert part in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"nothing://{TOKEN}",
        f"tgram://not-a-token-{SECRET}/4242/",
        f"tgram://{TOKEN}/",
        f"json://user:{SECRET}@/",
        f"{URL},json://127.0.0.1",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_the_name_of_its_channel(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BadChannel) as caught:
        Sender(Channel(name="phone", url=url))
    shown = "".join(traceback.format_exception(caught.value))
    assert "phone" in str(caught.value)
    assert SECRET not in shown + caplog.text


def test_no_token_is_in_a_log_whatever_the_api_answers(api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sender = Sender(Channel(name="phone", url=URL))
    wrong = Sender(Channel(name="wrong", url=f"tgram://{TOKEN[:-1]}x/4242/"))
    api.answers.extend([200, 429, 500, 401])
    assert [sender.send("a") for _ in range(4)] == [True, False, False, False]
    assert not wrong.send("b")
    assert SECRET[:-1] not in caplog.text
    assert SECRET not in repr(Channel(name="phone", url=URL))
    assert SECRET not in redact(f"POST https://api.telegram.org/bot{TOKEN}/sendMessage")


def environ(tmp_path: object, channels: str) -> dict[str, str]:
    given = {"FILES_DATA_DIR": str(tmp_path), "FILES_METADATA_URL": "memory://", "FILES_BLOBS_URL": "memory://"}
    return {**SECRETS, **given, "FILES_NOTICE_CHANNELS": channels}


def test_the_command_tries_channels(api: BotApi, tmp_path: object) -> None:
    given = environ(tmp_path, f"phone={URL} other={URL}")
    done = CliRunner().invoke(cli, ["notify", "test", "phone"], env=given)
    assert (done.exit_code, done.output) == (0, "phone: sent\n")
    assert api.texts == ["Test of the channel phone: it works."]
    api.answers.extend([200, 401])
    done = CliRunner().invoke(cli, ["notify", "test"], env=given)
    assert done.exit_code == 1
    assert "phone: sent" in done.output
    assert "not taken by: other" in done.output
    assert SECRET not in done.output
    assert "no notice channel x" in CliRunner().invoke(cli, ["notify", "test", "x"], env=given).output


@pytest.mark.parametrize(
    ("channels", "message"), [("", "FILES_NOTICE_CHANNELS"), (f"phone=tgram://{TOKEN}/", "names no chat")]
)
def test_the_notifier_does_not_start_without_a_channel_that_works(
    tmp_path: object, channels: str, message: str
) -> None:
    done = CliRunner().invoke(cli, ["notifier"], env=environ(tmp_path, channels))
    assert done.exit_code == 1
    assert message in done.output
    assert SECRET not in done.output


def test_up_refuses_channels_that_cannot_be_read(tmp_path: object) -> None:
    done = CliRunner().invoke(cli, ["up"], env=environ(tmp_path, f"phone={TOKEN}"))
    assert done.exit_code == 1
    assert "notice channel 1 is not name=url" in done.output
    assert SECRET not in done.output


def test_notices_end(tmp_path: object) -> None:
    done = CliRunner().invoke(cli, ["notify", "end"], env=environ(tmp_path, ""))
    assert (done.exit_code, done.output) == (0, "there were no notices\n")
