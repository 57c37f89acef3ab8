"""Passwords for a database that runs without them, on a node that runs containers."""

from __future__ import annotations

import re
import shlex

from tests.docs.pages import typed
from tests.k8s.cluster import Cluster
from tests.k8s.real import COUNT, START_LIMIT, number_of_documents
from tests.stack.report import say, wait

AS_CONSUMER = (
    *("bash", "-c"),
    'mongosh --quiet -u velox -p "$MONGO_PASSWORD" --authenticationDatabase admin other '
    "--eval 'db.anything.insertOne({})'",
)
SECRETS = "create secret generic (mongo-root|velox-secrets) .*--from-literal"
USERS = "/docker-entrypoint-initdb.d/users.js"


def given_later(cluster: Cluster) -> None:
    """A database that began without passwords gets them by the documented commands."""
    before = number_of_documents(cluster)
    lines = [line for line in typed("bash") if re.search(SECRETS, line) or USERS in line]
    *make_secrets, make_users = (shlex.split(line)[1:] for line in lines if "kubectl" in line)
    assert len(make_secrets) == 2
    for arguments in make_secrets:
        cluster.kubectl(*arguments)
    for name in ("mongo", "consumer"):
        cluster.kubectl("rollout", "restart", f"deployment/{name}")
    cluster.kubectl("rollout", "status", "deployment/mongo", f"--timeout={START_LIMIT}")
    said = cluster.kubectl(*make_users).strip()
    wait(
        lambda: number_of_documents(cluster) > before, "documents of consumers that have logged in"
    )
    refused = cluster.attempt("exec", "deployment/mongo", "--", *AS_CONSUMER)
    assert "not authorized on other" in refused.stdout + refused.stderr, refused
    refused = cluster.attempt("exec", "deployment/mongo", "--", "mongosh", "--eval", COUNT)
    assert "requires authentication" in refused.stdout + refused.stderr, refused
    say(said)
