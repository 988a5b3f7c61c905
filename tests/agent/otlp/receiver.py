"""A collector of OTLP on loopback: receiver.py grpc|http PORT FOLDER [CERTIFICATE KEY].

With REJECTS in the environment it says of each request that it has rejected so many records or points.

Decodes by the official messages. Appends each log record to FOLDER/logs.jsonl and each data point to
FOLDER/points.jsonl before it answers. Prints the port it listens on (PORT may be 0).
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
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

PROTOCOL, PORT, FOLDER = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
TLS = [Path(path).read_bytes() for path in sys.argv[4:6]]
REJECTS = int(os.environ.get("REJECTS", "0"))
LOCK = threading.Lock()


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
    text = "".join(json.dumps(item) + "\n" for item in items)
    with LOCK, open(FOLDER / name, "a", encoding="utf-8") as file:
        file.write(text)


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
                    if kind == "histogram":
                        value = point.count
                    else:
                        # Of a gauge that is no more there is none.
                        which = point.WhichOneof("value")
                        value = getattr(point, which) if which else None
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
        body = answer.SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
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


{"grpc": serve_grpc, "http": serve_http}[PROTOCOL]()
