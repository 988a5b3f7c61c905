"""A collector of OTLP on loopback: receiver.py grpc|http PORT FOLDER [CERTIFICATE KEY].

With REJECTS in the environment it says of each request that it has rejected so many records or points.

Decodes by the official messages. Appends each log record to FOLDER/logs.jsonl and each data point to
FOLDER/points.jsonl before it answers. Prints the port it listens on (PORT may be 0). Over HTTP it also
serves /metrics: the last metrics as the official exporter of OpenTelemetry for Prometheus names them.
"""

import gzip
import http.server
import json
import os
import ssl
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

PROTOCOL, PORT, FOLDER = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
TLS = [Path(path).read_bytes() for path in sys.argv[4:6]]
REJECTS = int(os.environ.get("REJECTS", "0"))
LOCK = threading.Lock()
LAST = []


def plain(value):
    """A value as JSON has it; whole numbers stay whole."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return fields(value.kvlist_value.values)
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def fields(pairs):
    found = {}
    for pair in pairs:
        assert pair.key not in found, f"{pair.key} is there twice"
        found[pair.key] = plain(pair.value)
    return found


def write(name, items):
    with LOCK, open(FOLDER / name, "a", encoding="utf-8") as file:
        file.writelines(json.dumps(item) + "\n" for item in items)


def take_logs(request, headers):
    write(
        "logs.jsonl",
        (
            {
                "resource": fields(logs.resource.attributes),
                "scope": [scope.scope.name, scope.scope.version],
                "time": record.time_unix_nano,
                "observed": record.observed_time_unix_nano,
                "severity": [record.severity_number, record.severity_text],
                "event": record.event_name,
                "body": plain(record.body),
                "attributes": fields(record.attributes),
                "headers": headers,
            }
            for logs in request.resource_logs
            for scope in logs.scope_logs
            for record in scope.log_records
        ),
    )


def take_metrics(request):
    points = []
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    is_histogram = kind == "histogram"
                    value = point.count if is_histogram else getattr(point, point.WhichOneof("value"))
                    points.append(
                        {
                            "name": metric.name,
                            "unit": metric.unit,
                            "kind": kind,
                            "attributes": fields(point.attributes),
                            "start": point.start_time_unix_nano,
                            "time": point.time_unix_nano,
                            "value": value,
                        }
                    )
    write("points.jsonl", points)
    with LOCK:
        LAST[:] = [request]


def logs_answer():
    answer = logs_service_pb2.ExportLogsServiceResponse()
    if REJECTS:
        answer.partial_success.rejected_log_records = REJECTS
        answer.partial_success.error_message = "too old"
    return answer


def metrics_answer():
    answer = metrics_service_pb2.ExportMetricsServiceResponse()
    if REJECTS:
        answer.partial_success.rejected_data_points = REJECTS
        answer.partial_success.error_message = "too many"
    return answer


def number(point):
    value = getattr(point, point.WhichOneof("value"))
    return sdk.NumberDataPoint(
        fields(point.attributes), point.start_time_unix_nano, point.time_unix_nano, value
    )


def distribution(point):
    return sdk.HistogramDataPoint(
        attributes=fields(point.attributes),
        start_time_unix_nano=point.start_time_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=point.count,
        sum=point.sum,
        bucket_counts=list(point.bucket_counts),
        explicit_bounds=list(point.explicit_bounds),
        min=0,
        max=0,
    )


def data(metric):
    kind = metric.WhichOneof("data")
    told = getattr(metric, kind)
    if kind == "gauge":
        return sdk.Gauge([number(point) for point in told.data_points])
    temporality = sdk.AggregationTemporality(told.aggregation_temporality)
    if kind == "sum":
        points = [number(point) for point in told.data_points]
        return sdk.Sum(points, temporality, told.is_monotonic)
    return sdk.Histogram([distribution(point) for point in told.data_points], temporality)


def of_sdk(request):
    return sdk.MetricsData(
        [
            sdk.ResourceMetrics(
                Resource(fields(resource.resource.attributes)),
                [
                    sdk.ScopeMetrics(
                        InstrumentationScope(scope.scope.name, scope.scope.version),
                        [
                            sdk.Metric(metric.name, metric.description, metric.unit, data(metric))
                            for metric in scope.metrics
                        ],
                        "",
                    )
                    for scope in resource.scope_metrics
                ],
                "",
            )
            for resource in request.resource_metrics
        ]
    )


class Reader(PrometheusMetricReader):
    """Names what was received, not instruments of its own."""

    def collect(self, timeout_millis=10_000):
        with LOCK:
            for request in LAST:
                self._receive_metrics(of_sdk(request))


class Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def Export(self, request, context):
        take_logs(request, dict(context.invocation_metadata()))
        return logs_answer()


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        take_metrics(request)
        return metrics_answer()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.headers["Content-Type"] == "application/x-protobuf"
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/v1/logs":
            take_logs(logs_service_pb2.ExportLogsServiceRequest.FromString(body), headers)
            answer = logs_answer()
        else:
            assert self.path == "/v1/metrics", self.path
            take_metrics(metrics_service_pb2.ExportMetricsServiceRequest.FromString(body))
            answer = metrics_answer()
        self.answer("application/x-protobuf", answer.SerializeToString())

    def do_GET(self):
        self.answer(CONTENT_TYPE_LATEST, generate_latest(REGISTRY))

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve_grpc():
    # A second one on the same port would be let in otherwise.
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    at = f"127.0.0.1:{PORT}"
    if TLS:
        certificate, key = TLS
        port = server.add_secure_port(at, grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port(at)
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def serve_http():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    if TLS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[4:6])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


REGISTRY = CollectorRegistry()
READER = Reader(registry=REGISTRY, scope_info_enabled=False, disable_target_info=True)
{"grpc": serve_grpc, "http": serve_http}[PROTOCOL]()
