"""Variables of the environment that resemble those of the settings, for commands that read no file of settings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from files_service.runtime.substitution import resembling, variables
from files_service.runtime.terminal import echo


def tell_misspelt(environ: Mapping[str, str]) -> None:
    """Print the variables that nothing reads and that resemble one of the packaged settings, on standard error."""
    known = variables((files("files_service") / "config.yaml").read_text())
    for name, near in resembling(environ, known).items():
        if near:
            echo(f"{name} has no effect: did you mean {near}?", err=True)
