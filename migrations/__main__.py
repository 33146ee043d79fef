"""``python -m migrations``."""

import os

from files_service.runtime.misspelt import tell_misspelt
from migrations.cli import main

tell_misspelt(os.environ)
main()
