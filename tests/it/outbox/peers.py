"""The other side of three channels, by other people's libraries: a mail server (aiosmtpd), a
receiver that verifies signatures (standardwebhooks), and a workspace that reads blocks (slack_sdk).

    peers.py smtp FOLDER             prints its port; each mail becomes FOLDER/N.json
    peers.py webhook FOLDER SECRET   prints its port; each request becomes FOLDER/N.json
    peers.py slack FOLDER            prints its port; each call becomes FOLDER/N.json

All put the very first message off, so that it has to come again.
"""

import email
import email.policy
import html.parser
import http.server
import json
import os
import socket
import sys
import threading
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


# What Slack documents of its blocks and the library does not look at: characters of a text, by where
# it stands.
TEXTS = {"header": 150, "section": 3000, "field": 2000, "button": 75, "context": 3000}


def texts(block):
    """The texts of a block, each with where it stands."""
    kind = block["type"]
    if "text" in block:
        yield kind, block["text"]["text"]
    for field in block.get("fields", []):
        yield "field", field["text"]
    for element in block.get("elements", []):
        if element["type"] == "button":
            yield "button", element["text"]["text"]
        else:
            yield kind, element["text"]


def faults(blocks):
    """What is wrong with blocks, by the library and by what is documented."""
    from slack_sdk.models.blocks import Block
    found = [] if 0 < len(blocks) <= 50 else [f"{len(blocks)} blocks"]
    for block in blocks:
        read = Block.parse(block)
        try:
            read.validate_json()
        except Exception as error:
            found.append(repr(error))
        if read.to_dict() != block:
            found.append(f"left out of {block}")
        if len(block.get("fields", [])) > 10 or len(block.get("elements", [])) > 25:
            found.append(f"too many parts in {block}")
        found += [f"{len(text)} characters in a {place}" for place, text in texts(block)
                  if not 0 < len(text) <= TEXTS[place]]
    return found


def slack(folder):
    class Workspace(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        number = 0
        posted = set()
        turn = threading.Lock()

        def do_POST(self):
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with Workspace.turn:
                self.take(sent)

        def take(self, sent):
            method, wrong = self.path.removeprefix("/api/"), faults(sent["blocks"])
            Workspace.number += 1
            answer = {"ok": True, "channel": "D1", "ts": f"1741080600.{Workspace.number:06}"}
            if Workspace.number == 1:
                answer = {"ok": False, "error": "internal_error"}
            elif method == "chat.postMessage":
                Workspace.posted.add((answer["channel"], answer["ts"]))
            elif method == "chat.update" and (sent["channel"], sent["ts"]) in Workspace.posted:
                answer["ts"] = sent["ts"]
            else:
                wrong.append(f"{method} of nothing")
            keep(folder, Workspace.number, {
                "method": method, "bearer": self.headers["authorization"], "sent": sent, "wrong": wrong,
            })
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Workspace)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    {"smtp": smtp, "webhook": webhook, "slack": slack}[sys.argv[1]](*sys.argv[2:])
