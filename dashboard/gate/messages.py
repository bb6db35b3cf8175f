"""The messages that a browser may send to Streamlit; the gate drops every other kind.

Streamlit takes app-level orders from any visitor: `clear_cache` closes the database handle that all
share, others read the repository or stop the server.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

RUN = "rerun_script"
# A page needs these: run with the widgets' values, stop that run, and a sign of life.
NEEDED = frozenset({RUN, "stop_script", "app_heartbeat"})
# Runs the whole script, without any widget's value.
PLAIN_RUN = BackMsg(rerun_script=ClientState()).SerializeToString()
# Bytes. A page's widgets hold a few notes and filters; the longest text field takes far less.
MAX_MESSAGE = 1_000_000


def kind_of(data: bytes) -> str | None:
    """Return the kind of a message; None for bytes that are no message."""
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message.WhichOneof("type")
