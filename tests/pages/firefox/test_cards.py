from tests.pages.test_cards import *  # noqa: F403
