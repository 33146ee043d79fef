from tests.pages.test_sending import *  # noqa: F403
