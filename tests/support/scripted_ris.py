"""A RIS for tests: takes HL7 messages by MLLP and answers each as a script says.

It shares nothing with our own HL7 code: frames are cut with `bytes.split`, messages read with
the library `hl7`.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import hl7

ANSWERS = ("AA", "AE", "AR", "CA", "CE", "CR")


class ScriptedRis:
    """Answers the n-th message by the n-th word of `script`, and AA when it has no more.

    Words: a code of table 0008; ``hang`` (no answer), ``close`` (before an answer), ``cut``
    (inside the answer), ``crumbs`` (AA, byte by byte), ``other`` (AA for another message),
    ``mute`` (an answer without MSA-2), ``noise`` (bytes outside a block).
    """

    def __init__(self, *script: str, port: int = 0) -> None:
        self.script = list(script)
        self.received: list[hl7.Message] = []
        self.raw: list[bytes] = []
        self.most_at_once = 0
        self._at_once = 0
        self._connections: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def control_ids(self) -> list[str]:
        return [str(m.segment("MSH")[10]) for m in self.received]

    def close(self) -> None:
        for one in (self._server, *self._connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        buffer = b""
        try:
            while data := connection.recv(4096):
                buffer += data
                *whole, buffer = buffer.split(b"\x1c\r")
                for frame in whole:
                    if not self._take(connection, frame.removeprefix(b"\x0b")):
                        connection.close()
                        return
        except OSError:
            pass
        finally:
            self._at_once -= 1
            connection.close()

    def _take(self, connection: socket.socket, raw: bytes) -> bool:
        head = raw.split(b"\r")[0].split(b"|")
        declared = head[17].decode() if len(head) > 17 else ""
        codec = {"GB 18030-2000": "gb18030", "8859/1": "latin-1"}.get(declared, "utf-8")
        message = hl7.parse(raw.decode(codec))
        self.raw.append(raw)
        self.received.append(message)
        word = self.script.pop(0) if self.script else "AA"
        control_id = str(message.segment("MSH")[10])
        if word == "hang":
            return True
        if word == "close":
            return False
        if word == "noise":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            return True
        answer = self._answer(word, control_id)
        if word == "cut":
            connection.sendall(answer[: len(answer) // 2])
            return False
        if word == "crumbs":
            for n in range(len(answer)):
                connection.sendall(answer[n : n + 1])
            return True
        connection.sendall(answer)
        return True

    def _answer(self, word: str, control_id: str) -> bytes:
        code = word if word in ANSWERS else "AR" if word == "mute" else "AA"
        named = {"other": "SOMETHINGELSE", "mute": ""}.get(word, control_id)
        lines = ["MSH|^~\\&|RIS|H|CLINICALAI|H|20260102030405||ACK^R01^ACK|A1|P|2.5.1"]
        lines.append(f"MSA|{code}|{named}")
        if code in ("AE", "CE", "AR", "CR"):
            lines.append("ERR||PID^1^3|204^Unknown key identifier^HL70357|E||||order 王 unknown")
        return b"\x0b" + "\r".join(lines).encode() + b"\r\x1c\r"


@contextmanager
def scripted_ris(*script: str, port: int = 0) -> Iterator[ScriptedRis]:
    """Run a scripted RIS for the length of the block."""
    ris = ScriptedRis(*script, port=port)
    try:
        yield ris
    finally:
        ris.close()
