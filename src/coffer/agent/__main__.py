"""The process of an agent: ``python -P -m coffer.agent SOCKET``, started by ``coffer.agent.client``.

It says a line on stdout once it listens. Whoever starts it holds the lock of the folder until then.
"""

import os
import signal
import sys
from pathlib import Path

from coffer.guarded import guard


def main() -> None:
    """Listen and answer until nothing is held."""
    guard()
    from coffer.agent.serving import Agent, listen  # noqa: PLC0415 - nothing of ours is read before the guard

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what is held is overwritten
    path = Path(sys.argv[1])
    agent = Agent(listen(path), path)
    os.write(1, b"listening\n")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # the command that started it reads until here
    agent.serve()


if __name__ == "__main__":
    main()
