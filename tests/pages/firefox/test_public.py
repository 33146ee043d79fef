from tests.pages.test_public import *  # noqa: F403
