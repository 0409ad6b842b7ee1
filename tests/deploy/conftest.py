"""The installation behind the proxies of deploy/."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.conftest import Installation


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The web service and Flower with the settings from deploy/README.md, without a worker."""
    behind_a_proxy = {"flower_url_prefix": "flower", "proxy_hops": 1, "trusted_hosts": ("your.host",)}
    with closing(Installation(tmp_path_factory.mktemp("site"), **behind_a_proxy)) as site:
        site.start("redis", "web", "flower")
        yield site
