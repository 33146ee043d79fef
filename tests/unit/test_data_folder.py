"""The data folder may have any name."""

import os
from pathlib import Path

import pytest

from files_service.config import BadSettings, load_settings
from tests.cores import processed_file, sqlite_core


def test_a_data_folder_with_the_marks_of_a_url_in_its_name_holds_both_stores(tmp_path: Path) -> None:
    folder = tmp_path / "odd #?%20 näme"
    core = sqlite_core(folder)
    processed_file(core)
    core.close()
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith("files.db-")) == [
        "blobs",
        "files.db",
    ]


def test_a_setting_without_a_value_is_a_setting_that_is_not_given(tmp_path: Path) -> None:
    settings = load_settings({"AMQP_URI": None, "FILES": {"data_dir": str(tmp_path), "public_url": None}})
    assert (settings.amqp_uri, settings.public_url) == ("", "http://127.0.0.1:8080")


def test_nobody_else_can_enter_a_new_data_folder_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_settings({"FILES": {"data_dir": str(tmp_path / "a" / "data")}})
        sqlite_core(tmp_path / "b" / "data").close()
    finally:
        os.umask(before)
    for folder in (tmp_path / "a" / "data", tmp_path / "a" / "data" / "secrets", tmp_path / "b" / "data"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_secret_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_settings({"FILES": {"data_dir": str(tmp_path)}})
    secret = tmp_path / "secrets" / "jwt_secret"
    if os.geteuid() == 0:
        os.chown(secret, 12_345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(BadSettings, match="another user"):
        load_settings({"FILES": {"data_dir": str(tmp_path)}})
