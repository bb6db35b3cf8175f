"""The first minutes: what is refused before anything is made, and in which words."""

from __future__ import annotations

import socket

from cli_workspace import Workspace


def test_a_taken_port_is_named_before_a_database_is_made(workspace: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        workspace.settings(f"[dashboard]\nport = {port}\n")
        refused = workspace.run("up")
        assert refused.status == 1
        assert f"[dashboard] host = '127.0.0.1', port {port}: another program" in refused.err
        suggested = int(refused.err.rpartition("--port ")[2].strip(" .\n"))
        socket.create_server(("127.0.0.1", suggested)).close()
        workspace.settings()
        assert workspace.run("up", "--port", port).status == 1
    assert not (workspace.folder / "earful.db").exists()
