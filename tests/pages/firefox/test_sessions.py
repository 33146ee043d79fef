from tests.pages.test_sessions import *  # noqa: F403
