"""``python -m files_service.cli`` is ``files``."""

from files_service.cli import main

if __name__ == "__main__":
    main()
