"""``python -m syncer``."""

import os

from files_service.runtime.misspelt import tell_misspelt
from syncer.cli import main

tell_misspelt(os.environ)
main()
