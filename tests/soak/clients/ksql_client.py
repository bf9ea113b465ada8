"""What PyPI's ksql does with a server: ``python ksql_client.py URL TOPIC``; prints one JSON object."""

# mypy: ignore-errors

import collections
import collections.abc
import json
import sys

for name in ("Callable", "Iterable", "Mapping", "MutableMapping", "MutableSet"):
    setattr(collections, name, getattr(collections.abc, name))  # where its HTTP library looks for them

from ksql import KSQLAPI  # noqa: E402

EARLIEST = {"ksql.streams.auto.offset.reset": "earliest"}


def main(url: str, topic: str) -> None:
    """Create, insert, select and be refused."""
    api = KSQLAPI(url)
    columns = "k STRING KEY, id INT"
    properties = f"KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON', PARTITIONS=1"
    created = api.ksql(f"CREATE STREAM py ({columns}) WITH ({properties})")
    inserted = api.inserts_stream("py", [{"k": "a", "id": number} for number in range(3)])
    select = "SELECT id FROM py EMIT CHANGES LIMIT 3"
    rows = list(api.query(select, stream_properties=EARLIEST, return_objects=True))
    try:
        api.ksql("CREATE STREAM bad AS SELECT * FROM nothing")
        refused = None
    except Exception as exc:  # noqa: BLE001  the library's own
        refused = getattr(exc, "error_code", None)
    print(
        json.dumps(
            {
                "version": api.get_ksql_version(),
                "created": created[0]["commandStatus"]["message"],
                "inserted": [row["status"] for row in inserted],
                "rows": rows,
                "refused": refused,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
