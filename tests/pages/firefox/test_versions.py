from tests.pages.test_versions import *  # noqa: F403
