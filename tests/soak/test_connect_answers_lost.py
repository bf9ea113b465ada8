"""Writes to a real worker whose answers never arrive: each is looked for, and none is done twice that matters."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import requests

from streamguard.connect.rest.client import ConnectClient
from tests.stack.counting import Proxy
from tests.stack.loops import wait_until
from tests.stack.test_connect_client import CONFIG, Workers, shows


class Losing(Proxy):
    """Carries out the next request of each method in `lose`, and tells nobody."""

    lose: tuple[str, ...] = ("POST", "PATCH", "PUT", "DELETE")

    def pass_on(self, client: BaseHTTPRequestHandler, body: bytes | None) -> None:
        if client.command not in self.lose:
            super().pass_on(client, body)
            return
        headers = {"Content-Type": "application/json"}
        answer = requests.request(client.command, self.target + client.path, data=body, headers=headers, timeout=30)
        if answer.ok:  # not a rebalance
            self.lose = tuple(method for method in self.lose if method != client.command)
        self._note(client, body, answer.status_code)
        client.close_connection = True


def test_writes_whose_answers_are_lost_are_found_to_have_been_carried_out(workers: Workers) -> None:
    proxy = Losing(workers[0])
    proxy.open()
    try:
        client = ConnectClient(proxy.url)
        client.create("client-lost", CONFIG, "stopped")
        client.patch_config("client-lost", {"max.batch.size": "8"})
        wait_until(lambda: shows(client, "client-lost", max_batch_size="8"), "it is changed")
        client.put_config("client-lost", CONFIG)
        wait_until(lambda: shows(client, "client-lost", max_batch_size=None), "it is changed")
        client.delete("client-lost")
        wait_until(lambda: "client-lost" not in client.all_connectors(), "it is gone")
    finally:
        proxy.shut()
    assert proxy.lose == ()
    done = [one.method for one in proxy.writes if one.status in (200, 201, 204)]
    assert (done.count("POST"), done.count("DELETE")) == (1, 1)
