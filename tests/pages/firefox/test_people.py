from tests.pages.test_people import *  # noqa: F403
