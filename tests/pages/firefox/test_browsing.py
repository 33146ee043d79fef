from tests.pages.test_browsing import *  # noqa: F403
