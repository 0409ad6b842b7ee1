"""The alerts, the scrape configuration and the dashboard in deploy/, checked by promtool and against /metrics."""

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from greeter import create_app
from tests.conftest import ROOT, Installation, needs

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = json.loads((ROOT / "deploy/grafana/greeter.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}

with_promtool = needs("promtool", "prometheus")


def promtool(*arguments: object) -> str:
    """Run promtool, which must succeed, and return its output."""
    ended = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@with_promtool
@pytest.mark.slow
def test_every_alert_fires_when_it_should() -> None:
    """None fires on a healthy site, and each of them in the test that has its fault."""
    assert "SUCCESS" in promtool("test", "rules", ROOT / "tests/deploy/alerts.yml")
    names = re.findall("alert: (.*)", ALERTS.read_text())
    fired = re.findall('{alertname="(.*?)"', (ROOT / "tests/deploy/alerts.yml").read_text())
    assert sorted(fired) == sorted(names)


@with_promtool
def test_the_scrape_configuration_is_valid() -> None:
    """It names the file of the alerts as the operator copies it."""
    promtool("check", "config", "--syntax-only", ROOT / "deploy/prometheus/prometheus.yml")


@with_promtool
def test_the_expressions_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    """They are, once Grafana has replaced its variable; and every panel has a number and a place of its own."""
    expressions = [expression.replace("$__rate_interval", "5m") for expression in EXPRESSIONS]
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(expressions)]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.json")
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({str(panel["gridPos"]) for panel in panels}) == len(panels)


@pytest.mark.redis
def test_every_metric_of_the_dashboard_and_the_alerts_exists(with_redis: Installation) -> None:
    """/metrics has each of them, with the labels by which they are grouped."""
    site = with_redis
    site.store.cancel(site.submit("nap"))
    site.submit("nap")
    app = create_app(dataclasses.replace(site.settings, metrics_token="token"))
    for _ in range(2):  # the first request is counted in the second answer
        text = app.test_client().get("/metrics", headers={"Authorization": "Bearer token"}).text
    families = list(text_string_to_metric_families(text))
    assert 'site_jobs_ended_total{phase="failed",tool="expensive_greet"} 0.0' in text  # before the first one
    exposed = {one.name + suffix for one in families for suffix in SUFFIXES.get(one.type, [""])}
    queries = [*EXPRESSIONS, re.sub("#.*", "", ALERTS.read_text())]
    used = {name for query in queries for name in re.findall(r"\bsite_\w+", query)}
    assert len(used) > 10
    assert used <= exposed
    labels = {label for one in families for sample in one.samples for label in sample.labels} | {"job"}
    grouped = {
        label for query in queries for found in re.findall(r"by \((.*?)\)", query) for label in found.split(", ")
    }
    assert grouped <= labels
