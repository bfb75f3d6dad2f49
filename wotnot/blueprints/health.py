"""For machines that watch: /healthz, /readyz, /metrics."""

import logging

from flask import Blueprint, Flask, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from wotnot import metrics
from wotnot.blueprints import job_dashboard
from wotnot.extensions import csrf, limiter
from wotnot.services import readiness

logger = logging.getLogger(__name__)

blueprint = Blueprint("health", __name__)


class _Collector:
    def collect(self) -> list[Metric]:
        return list(metrics.collect())


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers. Nothing else is asked, so that a slow store does not get the web restarted."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 when requests can be served, else 503 with what is wrong, store by store."""
    problems = readiness.list_problems()
    if problems:
        logger.warning("not ready: %s", "; ".join(problems.values()))
        return jsonify(status="unavailable", problems=problems), 503
    return jsonify(status="ok", problems={}), 200


@blueprint.get("/metrics")
def read_metrics() -> Response:
    """Prometheus text. Sums over everybody, no names: still, keep it inside your network (see the README)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def register(app: Flask) -> None:
    """The probes are open to all: a load balancer has no password. The jobs' dashboard guards itself."""
    limiter.exempt(blueprint)
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
    job_dashboard.register(app)
