from tests.pages.test_notices import *  # noqa: F403
