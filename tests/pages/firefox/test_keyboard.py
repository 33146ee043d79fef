from tests.pages.test_keyboard import *  # noqa: F403
