"""The configuration of the watcher, and the token."""

from __future__ import annotations

from pathlib import Path

import pytest

from files_service.ingest.config import BadConfig, CardConfig, WatchConfig, config_path, load_config, read_token

FULL = """
url = "https://files.example.org/"
token_file = "~/token"
verify = "copies"
parallel = 1
any_volume = true
places = ["/srv/cards"]
folders = ["/srv/in"]

[cards.0123abcd]
clock_offset_seconds = -3600.5
folder = "Cards/Helmet"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "FILES_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path / "w.toml", FULL, 0o644))
    assert config == WatchConfig(
        url="https://files.example.org",
        token_file="~/token",
        verify="copies",
        parallel=1,
        any_volume=True,
        places=("/srv/cards",),
        folders=("/srv/in",),
        cards={"0123abcd": CardConfig(clock_offset_seconds=-3600.5, folder="Cards/Helmet")},
    )
    assert config.of_card("0123abcdef").folder == "Cards/Helmet"
    assert config.of_card("ffff").folder == ""


def test_the_usual_file_may_be_missing_and_a_named_one_may_not(tmp_path: Path) -> None:
    assert load_config() == WatchConfig()
    written(config_path(), "parallel = 3\n")
    assert load_config().parallel == 3
    with pytest.raises(BadConfig, match="there is no file"):
        load_config(tmp_path / "other.toml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("place = []", "place is no key: did you mean places?"),
        ("[cards.0123]\nfolders = 'x'", "cards.0123.folders is no key: did you mean cards.0123.folder?"),
        ("[cards.01]\nfolder = 'x'", "cards.01: must have"),
        ("cards = 1", "cards: must be a table"),
        ("cards.0123 = 1", "cards.0123: must be a table"),
        ("parallel = 0", "parallel: must be from 1 to 16"),
        ("parallel = true", "parallel: must be a number"),
        ("parallel = 1.5", "parallel: must be a number"),
        ("full = 1", "full: must be true or false"),
        ("verify = 'all'", "verify: must be"),
        ("url = 'files.example.org'", "url: must be"),
        ("url = 1", "url: must be a text"),
        ("places = '/srv'", "places: must be texts"),
        ("[cards.0123]\nclock_offset_seconds = nan", "within 50 years"),
        ("verify = ", "is not TOML"),
    ],
)
def test_a_fault_names_its_key(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(BadConfig) as raised:
        load_config(written(tmp_path / "w.toml", text))
    assert fault in str(raised.value)


def test_the_token_is_that_of_the_environment_then_of_the_file_then_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = WatchConfig(token="of-config")
    assert read_token(WatchConfig()) == ""
    assert read_token(config) == "of-config"
    written(tmp_path / ".config" / "files" / "token", "of-file\n")
    assert read_token(config) == "of-file"
    written(tmp_path / "own", "of-own-file\n")
    assert read_token(WatchConfig(token_file="~/own")) == "of-own-file"
    monkeypatch.setenv("FILES_TOKEN", "of-environment")
    assert read_token(config) == "of-environment"


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "own", "secret-of-mine", 0o640)
    with pytest.raises(BadConfig, match="chmod 600") as raised:
        read_token(WatchConfig(token_file="~/own"))
    assert "secret-of-mine" not in str(raised.value)
    with pytest.raises(BadConfig, match="chmod 600"):
        load_config(written(tmp_path / "w.toml", "token = 'secret-of-mine'", 0o644))
    with pytest.raises(BadConfig, match="there is no file"):
        read_token(WatchConfig(token_file="~/none"))


def test_a_token_is_in_no_representation() -> None:
    assert "secret-of-mine" not in repr(WatchConfig(token="secret-of-mine"))
