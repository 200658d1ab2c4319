"""Servers that speak both eras, through the Python client in either mode: results must not differ."""

import asyncio
import subprocess
import sys
import tempfile

from mcp import Client, StdioServerParameters

from checks import BIN, check, finish, gated


def comparable(result):
    return result.model_dump(mode="json", by_alias=True)


async def results(command, mode, calls):
    server = StdioServerParameters(command=command[0], args=command[1:])
    async with Client(server, mode=mode) as client:
        listed = await client.list_tools()
        called = [comparable(await client.call_tool(name, arguments)) for name, arguments in calls]
        return client.protocol_version, comparable(listed), called


async def compare(name, command, calls):
    for mode in ["legacy", "auto"]:
        direct = await results(command, mode, calls)
        through = await results(gated(name, command), mode, calls)
        check(f"{name}, {mode}: protocol {direct[0]} is kept", direct[0] == through[0], through[0])
        check(f"{name}, {mode}: tools are the same", direct[1] == through[1], through[1])
        check(f"{name}, {mode}: {len(calls)} results are the same", direct[2] == through[2], (direct[2], through[2]))


async def main():
    time = [sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC"]
    noon = {"source_timezone": "Europe/Paris", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    await compare("time", time, [("convert_time", noon), ("convert_time", {**noon, "time": "25:00"})])
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", folder, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com"]
        subprocess.run(["git", "init", "-q", folder], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
        server = [sys.executable, "-m", "mcp_server_git", "--repository", folder]
        asked = [("git_status", {"repo_path": folder}), ("git_log", {"repo_path": folder, "max_count": 1})]
        await compare("git", server, asked)
    with tempfile.TemporaryDirectory() as folder:
        path = {"path": "a.txt"}
        asked = [("write_file", {**path, "content": "\U0001f600"}), ("read_file", path), ("list_directory", {"path": "."}),
                 ("read_file", {"path": "../a.txt"}), ("delete_file", path)]
        await compare("demo", [BIN, "demo-server", folder], asked)
    finish()


asyncio.run(main())
