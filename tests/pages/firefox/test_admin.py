from tests.pages.test_admin import *  # noqa: F403
