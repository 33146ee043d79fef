from tests.pages.test_events import *  # noqa: F403
