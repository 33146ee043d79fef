"""The data folder may have any name."""

from pathlib import Path

from files_service.config import load_settings
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
