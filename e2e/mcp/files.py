"""The Python client (mcp 2.x) and the real server-filesystem: read, be denied, wait, redeem."""

import asyncio
import os
import tempfile

from mcp import Client, StdioServerParameters

from checks import DECISION, FILESYSTEM, approve, check, finish, gated


def text(result):
    return result.content[0].text if result.content else ""


def decision(result):
    return (result.meta or {}).get(DECISION, {})


def launch(command):
    return StdioServerParameters(command=command[0], args=command[1:])


async def tools_are_the_same(folder, command):
    async with Client(launch(FILESYSTEM + [folder])) as client:
        direct = await client.list_tools()
    async with Client(launch(command)) as client:
        through = await client.list_tools()
    check("the tools are the same through the gateway", direct.model_dump() == through.model_dump(), through)


async def calls(folder, client):
    readme, report = os.path.join(folder, "readme.txt"), os.path.join(folder, "reports", "q3.txt")
    result = await client.call_tool("read_text_file", {"path": readme})
    check("an allowed read is executed", not result.is_error and text(result) == "hello", result)
    result = await client.call_tool("write_file", {"path": os.path.join(folder, "new.txt"), "content": "\U0001f600"})
    with open(os.path.join(folder, "new.txt"), encoding="utf-8") as file:
        check("an allowed write is executed", file.read() == "\U0001f600" and not result.is_error, result)
    result = await client.call_tool("write_file", {"path": os.path.join(folder, ".env"), "content": "x"})
    denied = result.is_error and decision(result).get("decision") == "deny"
    check("a forbidden write is denied", denied, result)
    check("and not executed", not os.path.exists(os.path.join(folder, ".env")))
    return readme, report


async def redeem(report, client):
    arguments = {"path": report, "content": "approved"}
    heard = []

    async def progress(done, total, message):
        heard.append((done, message))

    result = await client.call_tool("write_file", arguments, progress_callback=progress)
    pending = decision(result)
    check("a write that needs approval is answered as pending", pending.get("reason") == "pending", result)
    check("the action is named", str(pending.get("action")) in text(result), text(result))
    check("progress told whom it waits for", any("Waiting for" in (message or "") for _, message in heard), heard)
    check("it is not executed", not os.path.exists(report))
    approve(pending["action"])
    await asyncio.sleep(0.5)
    check("approval alone executes nothing", not os.path.exists(report))
    result = await client.call_tool("write_file", {**arguments, "content": "something else"})
    check("other arguments redeem nothing", decision(result).get("reason") == "pending", result)
    result = await client.call_tool("write_file", arguments)
    check("the identical call redeems the approval", not result.is_error, result)
    with open(report, encoding="utf-8") as file:
        check("exactly what was approved is written", file.read() == "approved")
    result = await client.call_tool("write_file", arguments)
    check("an approval counts once", decision(result).get("reason") == "pending", result)


async def approved_while_held(report, command):
    async with Client(launch(command)) as client:
        waiting = asyncio.Event()
        seen = []

        async def progress(done, total, message):
            seen.append(message or "")
            waiting.set()

        arguments = {"path": report, "content": "while held"}
        call = asyncio.create_task(client.call_tool("write_file", arguments, progress_callback=progress))
        await asyncio.wait_for(waiting.wait(), 20)
        approve(seen[0].rstrip(".").split()[-1])
        result = await asyncio.wait_for(call, 30)
        check("a call that is approved while it is held goes on", not result.is_error, result)
        with open(report, encoding="utf-8") as file:
            check("and is executed", file.read() == "while held")


async def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        os.mkdir(os.path.join(folder, "reports"))
        with open(os.path.join(folder, "readme.txt"), "w", encoding="utf-8") as file:
            file.write("hello")
        server = FILESYSTEM + [folder]
        await tools_are_the_same(folder, gated("files", server))
        async with Client(launch(gated("files", server, "--hold", "2"))) as client:
            _, report = await calls(folder, client)
            await redeem(report, client)
        await approved_while_held(os.path.join(folder, "reports", "q4.txt"), gated("files", server, "--hold", "30"))
    finish()


asyncio.run(main())
