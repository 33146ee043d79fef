"""The data folder may have any name."""

from pathlib import Path

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
