from __future__ import annotations

import pytest

from playground.openapi import OpenApi

DESCRIPTION = {
    "openapi": "3.1.0",
    "paths": {
        "/channels/{channel_id}/messages": {
            "parameters": [{"name": "channel_id", "in": "path"}],
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"$ref": "#/components/schemas/N"}}
                ]
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Send"}}
                    },
                }
            },
        },
        "/channels/{channel_id}/typing": {"post": {}},
        "/users/@me": {"get": {}},
    },
    "components": {
        "schemas": {
            "N": {"type": "integer", "maximum": 100},
            "Send": {
                "type": "object",
                "properties": {
                    "content": {"type": "string", "maxLength": 4},
                    "attachments": {
                        "type": "array",
                        "items": {"properties": {"id": {"type": "string"}}},
                    },
                    "allowed_mentions": {
                        "properties": {"users": {"items": {"type": "string"}}},
                    },
                },
                "additionalProperties": False,
            },
        }
    },
}


@pytest.mark.parametrize(
    ("method", "path", "options", "problem"),
    [
        ("POST", "/channels/1/messages", {"body": {"content": "hi"}}, None),
        ("POST", "/channels/1/messages", {"body": {"attachments": [{"id": 0}]}}, None),
        ("POST", "/channels/1/messages", {"body": {"allowed_mentions": {"users": [1]}}}, None),
        ("POST", "/channels/1/messages", {"body": {"content": "hello"}}, "content: 'hello'"),
        ("POST", "/channels/1/messages", {"body": {"text": "hi"}}, "text"),
        ("POST", "/channels/1/messages", {}, "the body is missing"),
        ("POST", "/channels/1/messages", {"body": {}, "multipart": True}, "multipart"),
        ("POST", "/channels/1/typing", {"body": {"a": 1}}, "none is described"),
        ("GET", "/channels/1/messages", {"query": {"limit": "50"}}, None),
        ("GET", "/channels/1/messages", {"query": {"limit": "500"}}, "'limit'"),
        ("GET", "/channels/1/messages", {"query": {"page": "2"}}, "unknown query"),
        ("DELETE", "/channels/1/messages", {}, "no such method"),
        ("GET", "/channels/1/secrets", {}, "no such path"),
        ("GET", "/users/@me", {}, None),
    ],
)
def test_request_is_judged_by_the_description(method, path, options, problem):
    found = OpenApi(DESCRIPTION).check(method, path, **options)
    if problem is None:
        assert found == []
    else:
        assert problem in str(found[0])
        assert str(found[0]).startswith(f"{method} {path}: ")
