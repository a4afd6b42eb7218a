"""Judges and other services on the network that cannot be asked."""

from __future__ import annotations

from typing import Any

from wrong_inputs.row import Arrange, Row, settings

ADDRESS = "http://localhost:9/v1"


def judge(remote: dict[str, Any] | None = None, **keys: Any) -> Arrange:
    """A judge that wants no key, with keys of its own."""
    given = {"base_url": ADDRESS, "api_key_env": None, **(remote or {})}
    utility = {"kind": "judge", "data": "data.json", "model": "judge-1", "remote": given, **keys}
    return settings(utility={key: value for key, value in utility.items() if value is not None})


ROWS = [
    Row(
        "judge-no-model",
        "no judge is named",
        "utility.model: not given; write model: gpt-4o-mini.",
        judge(model=None),
    ),
    Row(
        "judge-no-key",
        "the environment variable with the key is not set",
        "utility.remote.api_key_env: the environment variable OPENAI_API_KEY is not set; export the key there, name "
        "another variable, or write null for a service without keys.",
        judge({"api_key_env": "OPENAI_API_KEY"}),
    ),
    Row(
        "judge-key-in-configuration",
        "a key in the configuration",
        "utility.remote.api_key: keys do not belong in a configuration, which a run keeps; leave it out, and give the "
        "name of the environment variable that holds it as remote.api_key_env.",
        judge({"api_key": "sk-123"}),
    ),
    Row(
        "judge-key-as-option",
        "a key as an option",
        "utility.api_key: keys do not belong in a configuration, which a run keeps; leave it out, and give the "
        "name of the environment variable that holds it as remote.api_key_env.",
        judge(),
        "search my.yaml --utility.api_key sk-123",
    ),
    Row(
        "judge-key-as-variable",
        "the key where its variable should be named",
        "utility.remote.api_key_env: is not the name of an environment variable (capital letters, digits and _); give "
        "the name of the variable that holds the key, never the key.",
        judge({"api_key_env": "sk-123"}),
    ),
    Row(
        "judge-key-in-address",
        "a key in the address",
        "utility.remote.base_url: holds a name, a password or a '?', where keys are often put; give the address alone, "
        "and the key's environment variable in remote.api_key_env.",
        judge({"base_url": "https://example.org/v1?key=sk-123"}),
    ),
    Row(
        "judge-address",
        "an address that is none",
        "utility.remote.base_url: 'localhost:8000' is not the address of a service; write one such as "
        "http://localhost:8000/v1.",
        judge({"base_url": "localhost:8000"}),
    ),
    Row(
        "judge-mode",
        "an unknown mode",
        "utility.mode: 'pairs' is not allowed; give 'rating' or 'pairwise'.",
        judge(mode="pairs"),
    ),
    Row(
        "judge-price",
        "a price that is one number",
        "utility.remote.price: 0.15 is not allowed; give keys and values or null.",
        judge({"price": 0.15}),
    ),
    Row(
        "judge-price-half",
        "half a price",
        "utility.remote.price.output: not given; write price: {input: 0.15, output: 0.6}.",
        judge({"price": {"input": 0.15}}),
    ),
    Row(
        "judge-price-negative",
        "a negative price",
        "utility.remote.price.input: -1.0 is not allowed; give a number of at least 0.",
        judge({"price": {"input": -1, "output": 1}}),
    ),
    Row(
        "judge-concurrency",
        "no request at once",
        "utility.remote.concurrency: 0 is not allowed; give at least 1.",
        judge({"concurrency": 0}),
    ),
    Row(
        "judge-limit-text",
        "a limit that is a text",
        "utility.remote.max_requests: 'many' is not allowed; give a whole number or null.",
        judge({"max_requests": "many"}),
    ),
    Row(
        "judge-deadline",
        "no time at all",
        "utility.remote.deadline: 0.0 is not allowed; give a number above 0.",
        judge({"deadline": 0}),
    ),
    Row(
        "judge-remote-key",
        "an unknown key of the service's group",
        "unknown key 'utility.remote.max_request'; did you mean 'utility.remote.max_requests'?",
        judge({"max_request": 3}),
    ),
    Row(
        "judge-cache",
        "a folder for answers that cannot be made",
        "utility.remote.cache: data.json/answers cannot be made (Not a directory); give another folder.",
        judge({"cache": "data.json/answers"}),
    ),
    Row(
        "judge-template",
        "a template that hides the answer",
        "utility.judge_template: has no {answer}, which the judge has to see in the mode rating; put it in.",
        judge(judge_template="How good is this? {question}"),
    ),
    Row(
        "judge-parameters",
        "the model among the parameters",
        "utility.parameters: 'model' is not one of them; leave it out.",
        judge(parameters={"model": "judge-2"}),
    ),
    Row(
        "judge-unparsed",
        "a share of unread replies above one",
        "utility.max_unparsed: 1.5 is not allowed; give a share of at least 0 and below 1.",
        judge(max_unparsed=1.5),
    ),
    Row(
        "judge-compat",
        "the original's rule for comparisons",
        "utility.parsing: compat is for ratings, the original compared none; give strict.",
        judge(mode="pairwise", parsing="compat"),
    ),
    Row(
        "judge-against",
        "against an expert that there is not",
        "utility.against: unknown expert 'heavyest'; did you mean 'heaviest'?",
        judge(mode="pairwise", against="heavyest"),
    ),
    Row(
        "local-remote",
        "limits for a scorer on this machine",
        "utility.remote: the local scorer is on this machine; leave it out.",
        settings(utility={"kind": "toxicity", "remote": {"max_requests": 5}, "data": "data.json"}),
    ),
    Row(
        "judge-part-against",
        "a part that compares with the base",
        "utility.parts: first compares with the answers of base, which a part cannot; give against: reference, or "
        "mode: rating.",
        settings(
            utility={
                "kind": "multi_task",
                "parts": {
                    "first": {
                        "kind": "judge",
                        "data": "data.json",
                        "model": "judge-1",
                        "mode": "pairwise",
                        "against": "base",
                        "remote": {"api_key_env": None},
                    },
                    "second": {"kind": "exact_match", "data": "data.json"},
                },
            }
        ),
    ),
]
