from tests.pages.test_links import *  # noqa: F403
