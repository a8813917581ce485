"""Serves Qdrant's own engine by Qdrant's REST interface, as far as the gateway uses it.

There is no package of the server, but its engine comes as the Python module `qdrant_edge`. Storage, filters and search
are therefore real; only the routes are written here, after the published OpenAPI description. A member that the
description does not have is refused, so that a request that is accepted here is one that the server knows.

    python qdrant.py --port 6333 --folder DATA [--api-key KEY]
"""

import argparse
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import qdrant_edge as engine

lock = threading.Lock()
collections = {}


class Refused(Exception):
    """What the server answers with a status of its own."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Collection:
    """A shard of the engine, and what it was made with."""

    def __init__(self, folder, size):
        folder.mkdir(parents=True)
        vectors = engine.EdgeVectorParams(size=size, distance=engine.Distance.Cosine)
        # Names of fields are checked when they are indexed; the engine makes the graph when it pays.
        self.shard = engine.EdgeShard.create(str(folder), engine.EdgeConfig(vectors=vectors))
        self.size = size

    def check(self, vector):
        if len(vector) != self.size:
            raise Refused(400, f"Wrong input: Vector dimension error: expected dim: {self.size}, got {len(vector)}")


def members(body, required, optional=()):
    """The members of an object, which must be all of the required and none that are unknown."""
    if not isinstance(body, dict):
        raise Refused(400, "Format error in JSON body: expected an object")
    missing, unknown = set(required) - body.keys(), body.keys() - set(required) - set(optional)
    if missing or unknown:
        raise Refused(400, f"Format error in JSON body: missing {sorted(missing)}, unknown {sorted(unknown)}")
    return body


def condition(body):
    members(body, ["key"], ["match", "range"])
    if "match" in body:
        return engine.FieldCondition(body["key"], match=engine.MatchValue(members(body["match"], ["value"])["value"]))
    bounds = members(body.get("range"), [], ["gt", "gte", "lt", "lte"])
    return engine.FieldCondition(body["key"], range=engine.RangeFloat(**bounds))


def filter_of(body):
    return engine.Filter(must=[condition(one) for one in members(body, ["must"])["must"]])


def describe(collection):
    params = {"vectors": {"size": collection.size, "distance": "Cosine"}}
    return {"status": "green", "points_count": collection.shard.count(engine.CountRequest()), "config": {"params": params}}


def create(name, body, folder):
    members(body, ["vectors"], ["hnsw_config"])
    members(body.get("hnsw_config", {}), [], ["m", "payload_m"])
    vectors = members(body["vectors"], ["size", "distance"])
    if vectors["distance"] != "Cosine":
        raise Refused(400, "only Cosine is served here")
    if name in collections:
        raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
    collections[name] = Collection(folder / f"{name}-{time.monotonic_ns()}", vectors["size"])
    return True


def create_index(collection, body):
    schema = members(body, ["field_name", "field_schema"])["field_schema"]
    kinds = {
        "keyword": (engine.PayloadSchemaType.Keyword, ["is_tenant", "on_disk"]),
        "integer": (engine.PayloadSchemaType.Integer, ["lookup", "range", "is_principal", "on_disk"]),
    }
    kind, optional = kinds[schema["type"]]
    members(schema, ["type"], optional)
    collection.shard.update(engine.UpdateOperation.create_field_index(body["field_name"], kind))
    return {"operation_id": 0, "status": "completed"}


def upsert(collection, body):
    points = members(body, ["points"])["points"]
    for point in points:
        members(point, ["id", "vector"], ["payload"])
        collection.check(point["vector"])
    points = [engine.Point(point["id"], point["vector"], point.get("payload", {})) for point in points]
    collection.shard.update(engine.UpdateOperation.upsert_points(points))
    return {"operation_id": 0, "status": "completed"}


def delete(collection, body):
    if "points" in body:
        operation = engine.UpdateOperation.delete_points(members(body, ["points"])["points"])
    else:
        operation = engine.UpdateOperation.delete_points_by_filter(filter_of(members(body, ["filter"])["filter"]))
    collection.shard.update(operation)
    return {"operation_id": 0, "status": "completed"}


def query(collection, body):
    members(body, ["query"], ["filter", "limit", "with_payload"])
    collection.check(body["query"])
    found = collection.shard.query(
        engine.QueryRequest(
            limit=body.get("limit", 10),
            query=engine.Query.Nearest(body["query"]),
            filter=filter_of(body["filter"]) if "filter" in body else None,
            with_payload=True,
        )
    )
    wanted = body.get("with_payload", [])
    payload = lambda point: {name: value for name, value in point.payload.items() if name in wanted}
    return {
        "points": [
            {"id": str(point.id), "version": point.version, "score": point.score, "payload": payload(point)}
            for point in found
        ]
    }


def count(collection, body):
    members(body, [], ["filter", "exact"])
    chosen = filter_of(body["filter"]) if "filter" in body else None
    return {"count": collection.shard.count(engine.CountRequest(exact=body.get("exact", True), filter=chosen))}


ROUTES = {
    ("PUT", "/index"): create_index,
    ("PUT", "/points"): upsert,
    ("POST", "/points/delete"): delete,
    ("POST", "/points/query"): query,
    ("POST", "/points/count"): count,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart, and must not wait for each other.
    disable_nagle_algorithm = True

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        start = time.monotonic()
        try:
            status, answer = 200, {"result": self.route(body), "status": "ok"}
        except Refused as refused:
            status, answer = refused.status, {"status": {"error": str(refused)}}
        except Exception as error:
            status, answer = 500, {"status": {"error": f"Service internal error: {error!r}"}}
        text = json.dumps(answer | {"time": time.monotonic() - start}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def route(self, body):
        url = urlsplit(self.path)
        if (self.command, url.path) == ("GET", "/readyz"):
            return True
        key = self.server.settings.api_key
        if key and not hmac.compare_digest(self.headers.get("api-key", ""), key):
            raise Refused(401, "Must provide an API key or an Authorization bearer token")
        match = re.fullmatch(r"/collections/([^/]+)(/.+)?", url.path)
        if not match or parse_qs(url.query).keys() - {"wait"}:
            raise Refused(400, "no such route here")
        name, rest = match.groups()
        body = json.loads(body) if body else {}
        # The engine is not for several threads; the server does this, too, for each shard.
        with lock:
            if (self.command, rest) == ("PUT", None):
                return create(name, body, self.server.settings.folder)
            if name not in collections:
                raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
            if (self.command, rest) == ("GET", None):
                return describe(collections[name])
            if (self.command, rest) == ("DELETE", None):
                collections.pop(name).shard.close()
                return True
            if (self.command, rest) not in ROUTES:
                raise Refused(405, "no such method here")
            return ROUTES[self.command, rest](collections[name], body)

    def log_message(self, *arguments):
        """Nothing, since tests are told by answers."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Nothing, since only clients that went away in the middle are left to get here."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--api-key")
    settings = parser.parse_args()
    server = Server(("127.0.0.1", settings.port), Handler)
    server.settings = settings
    server.serve_forever()


if __name__ == "__main__":
    main()
