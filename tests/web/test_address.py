"""The address on the page of a job, as text and as a link that sends it by mail."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from greeter import create_app
from greeter.settings import Settings


def test_the_address_has_the_host_and_the_prefix_of_the_site(tmp_path: Path) -> None:
    """Even behind a proxy; the link has it in the body of the mail."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lab.example", "X-Forwarded-Prefix": "/tools"}
    for hops, expected in ((0, "http://localhost"), (1, "https://lab.example/tools")):
        site = create_app(Settings(data_dir=tmp_path, proxy_hops=hops, site_name="Lab & friends"))
        page = site.test_client().get("/jobs/sample-phmmer", headers=headers).text.replace("&amp;", "&")
        assert f'<code id="address">{expected}/jobs/sample-phmmer</code>' in page
        (link,) = re.findall('href="(mailto:[^"]*subject[^"]*)"', page)
        fields = {"subject": ["phmmer protein search - Lab & friends"], "body": [f"{expected}/jobs/sample-phmmer"]}
        assert parse_qs(urlsplit(link).query) == fields
