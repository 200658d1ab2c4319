"""Traces a gate's system calls: every answer must be sent after a sync of the journal that began after its request came.

An answer that is sent before its commit, or a journal that does not sync, leaves a window without one and fails this.
(`cargo test -p countersign-gate --test durable` shows both failures.)
"""

import os
import re
import sys
import tempfile

from gate import Gate

REQUESTS = 40
LINE = re.compile(r"^(\d+) +(.*)$")
SYNC = re.compile(r"^(?:fdatasync|fsync)\(\d+<(.*?)>")


def events(path):
    """`request`, `sync begun/done` of the journal, `answer`, in their order."""
    syncing = {}
    with open(path, errors="replace") as trace:
        for line in trace:
            found = LINE.match(line)
            if not found:
                continue
            thread, call = found.groups()
            sync = SYNC.match(call)
            if sync:
                syncing[thread] = sync.group(1)
                if "journal.db-wal" in syncing[thread]:
                    yield "sync begun"
            if (sync or re.match(r"^<\.\.\. (fdatasync|fsync) resumed", call)) and call.rstrip().endswith("= 0"):
                if "journal.db-wal" in syncing.get(thread, ""):
                    yield "sync done"
            elif re.match(r"^(read|recvfrom|recvmsg|<\.\.\. (read|recvfrom|recvmsg) resumed)\b", call) and '"POST /v1/actions' in call:
                yield "request"
            elif re.match(r"^(write|writev|sendto|sendmsg)\b", call) and '"HTTP/1.1 2' in call:
                yield "answer"


def windows(found):
    """How many proposals were answered, and how many of them before a whole sync since they came."""
    answered, early, begun, synced, waits = 0, 0, False, False, False
    for event in found:
        if event == "request":
            begun, synced, waits = False, False, True
        elif event == "sync begun":
            begun = True
        elif event == "sync done":
            synced = synced or begun
        elif event == "answer" and waits:
            answered, early, waits = answered + 1, early + (not synced), False
    return answered, early


def main():
    work = tempfile.mkdtemp(prefix="countersign-durable-")
    trace = os.path.join(work, "trace")
    calls = "trace=fdatasync,fsync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"
    strace = ["strace", "-f", "-y", "-s", "48", "-e", calls, "-o", trace]
    gate = Gate(os.path.abspath(os.environ["COUNTERSIGN_BIN"]), os.path.join(work, "data"))
    made = gate.run("init")
    assert made.returncode == 0, made.stderr
    gate.prefix = strace
    gate.start()
    for number in range(REQUESTS):
        body = {
            "request_id": f"r-{number}",
            "agent": {"id": "agent"},
            "tool": {"server": "probe", "name": "look"},
            "category": "read",
            "payload": {"n": number},
        }
        status, told = gate.ask("POST", "/v1/actions", body)
        assert status == 201 or status == 200, told
    gate.stop()
    answered, early = windows(events(trace))
    print(f"{answered} answers, {early} of them before the journal was synced")
    if answered != REQUESTS or early:
        sys.exit(f"FAILED, see {trace}")
    blind = windows(event for event in events(trace) if not event.startswith("sync"))
    assert blind == (REQUESTS, REQUESTS), "a gate without syncs would pass this"


if __name__ == "__main__":
    main()
