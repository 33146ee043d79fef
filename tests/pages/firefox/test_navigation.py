from tests.pages.test_navigation import *  # noqa: F403
