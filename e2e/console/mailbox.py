"""A mail server that keeps nothing: it prints its port, then each mail as one line of JSON."""

import asyncio
import email
import json
import socket

from aiosmtpd.smtp import SMTP


class Printing:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        told = {
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "id": mail["message-id"],
            "subject": mail["subject"],
            "text": mail.get_payload(decode=True).decode(),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


async def main():
    listening = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Printing()), sock=listening)
    print(listening.getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
