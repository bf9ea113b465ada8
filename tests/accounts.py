"""Accounts in the cloud as a user's `.env` has them; nobody's, with a user and a password that URIs must encode."""

from __future__ import annotations

PASSWORD = "p@ss:/%41 +&?#w0rd"
USER = "us:er/@%home"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MINE = {
    "MY_MONGODB_USER": USER,
    "MY_MONGODB_PASS": PASSWORD,
    "MY_MONGODB_CLUSTER": "cluster0.ab1cd.mongodb.net",
    "MY_AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "MY_AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "MY_AWS_REGION": "eu-central-1",
    "MY_S3_BUCKET": "acme-fraud",
    "MY_GLUE_DATABASE": "fraud",
}
