"""docs/settings.md says of every setting what the schema and config.yaml say."""

from __future__ import annotations

import json
import re

import yaml

from files_service.config import SettingsSchema
from tests.docs.pages import ROOT, plain, read, rows, section

PAGE = read("docs/settings.md")
CONFIG = (ROOT / "config.yaml").read_text()
_VARIABLE = re.compile(r"\$\{(\w+):?[^}]*\}")


def variable(value: object) -> str:
    match = _VARIABLE.fullmatch(str(value))
    return match[1] if match else ""


def test_every_setting_is_documented_with_default_environment_and_meaning() -> None:
    ours = yaml.safe_load(CONFIG)["FILES"]
    documented = {
        plain(row["key"]): (plain(row["default"]), plain(row["environment"]), row["meaning"])
        for row in rows(section(PAGE, "Ours, under `FILES`"), "key", "default", "environment", "meaning")
    }
    assert documented == {
        name: (
            json.dumps(field.load_default),
            variable(ours.get(name, "")),
            field.metadata["description"],
        )
        for name, field in SettingsSchema().fields.items()
    }


def test_every_setting_of_nameko_in_our_file_is_documented() -> None:
    top = {key: value for key, value in yaml.safe_load(CONFIG).items() if key != "FILES"}
    table = rows(section(PAGE, "nameko's, at the top level"), "key", "environment")
    assert {plain(row["key"]): plain(row["environment"]) for row in table} == {
        key: variable(value) for key, value in top.items()
    }


def test_the_packaged_settings_are_those_of_the_project() -> None:
    assert (ROOT / "files_service" / "config.yaml").read_text() == CONFIG
