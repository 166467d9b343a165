"""The other side of two channels, by other people's libraries: a mail server (aiosmtpd), and a
receiver that verifies signatures (standardwebhooks).

    peers.py smtp FOLDER             prints its port; each mail becomes FOLDER/N.json
    peers.py webhook FOLDER SECRET   prints its port; each request becomes FOLDER/N.json

Both put the very first message off, so that it has to come again.
"""

import email
import email.policy
import html.parser
import http.server
import json
import os
import socket
import sys
import time


def keep(folder, number, what):
    path = os.path.join(folder, f"{number:04}.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(what, file)
    os.rename(path + ".part", path)


class Page(html.parser.HTMLParser):
    """What a mail program makes of a page: its elements, its links, its words."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.words = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("href", "src", "action") or name.startswith("on"):
                self.links.append(f"{name} {value}")

    def handle_data(self, data):
        self.words.append(data)


class Mails:
    def __init__(self, folder):
        self.folder, self.number = folder, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):
        self.number += 1
        if self.number == 1:
            return "451 come again"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        page = Page()
        page.feed(mail.get_body(("html",)).get_content())
        keep(self.folder, self.number, {
            "envelope": [envelope.mail_from, envelope.rcpt_tos],
            "headers": [[name.lower(), str(value)] for name, value in mail.items()],
            "defects": [repr(defect) for part in mail.walk() for defect in part.defects],
            "text": mail.get_body(("plain",)).get_content(),
            "tags": page.tags, "links": page.links, "words": " ".join(page.words),
        })
        return "250 taken"


def smtp(folder):
    from aiosmtpd.controller import Controller
    # It connects to itself at the start, so it has to know its port before.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    Controller(Mails(folder), hostname="127.0.0.1", port=port).start()
    print(port, flush=True)
    while True:
        time.sleep(3600)


def webhook(folder, secret):
    from standardwebhooks.webhooks import Webhook
    judge = Webhook(secret)

    class Receiver(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        number = 0

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                event, wrong = judge.verify(body, headers), None
            except Exception as error:
                event, wrong = None, repr(error)
            Receiver.number += 1
            keep(folder, Receiver.number, {"headers": headers, "wrong": wrong, "event": event})
            self.send_response(500 if Receiver.number == 1 else 401 if wrong else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    {"smtp": smtp, "webhook": webhook}[sys.argv[1]](*sys.argv[2:])
