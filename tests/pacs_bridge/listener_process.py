"""A listener in a process of its own, to be killed: ``python listener_process.py FOLDER``.

Prints its port once it receives.
"""

import sys
import threading
from pathlib import Path

from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine
from pacs_bridge.receive import Listener
from pacs_bridge.tables import metadata


def main() -> None:
    folder = Path(sys.argv[1])
    engine = open_engine(f"sqlite:///{folder / 'index.sqlite3'}")
    metadata.create_all(engine)
    archive = Archive(folder / "archive", engine, watermark_bytes=0)
    archive.rebuild()
    listener = Listener(archive, ae_title="CLINICALAI", host="127.0.0.1", port=0)
    listener.start()
    print(f"port {listener.port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
