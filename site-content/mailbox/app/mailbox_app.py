"""民意信箱 (example): a small WSGI application. Letters are kept in SQLite at $MAILBOX_DB (default /data/letters.sqlite3)."""

import json
import os
import sqlite3
import sys
from pathlib import Path
from urllib.parse import parse_qsl, quote

import letters
import pages
from samples import SAMPLES

FORM_MAX = 64 * 1024
PER_PAGE = 20
STATIC = {
    f"/static/{file.name}": (file.read_bytes(), kind)
    for kind, pattern in (("text/css; charset=utf-8", "*.css"), ("image/svg+xml", "*.svg"))
    for file in Path(__file__).with_name("static").glob(pattern)
}
STATIC["/robots.txt"] = ("# 示例站点，请勿收录\nUser-agent: *\nDisallow: /\n".encode(), "text/plain; charset=utf-8")

store = letters.Store(os.environ.get("MAILBOX_DB", "/data/letters.sqlite3"))
store.prepare(SAMPLES)


class Answer(Exception):
    """What to send: raised where a handler is done, or has to stop."""

    def __init__(self, status, body, kind="text/html; charset=utf-8", headers=()):
        super().__init__(status)
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = [("Content-Type", kind), ("Content-Length", str(len(self.body))), *headers]


def application(environ, start_response):
    try:
        answer = route(environ)
    except Answer as raised:
        answer = raised
    except sqlite3.Error as error:
        print(f"mailbox: {environ['REQUEST_METHOD']} {environ['PATH_INFO']}: {error}", file=sys.stderr)
        answer = fault("503 Service Unavailable", "信箱暂时打不开", "请过几分钟再试，您的信还没有寄出。", [("Retry-After", "10")])
    start_response(answer.status, answer.headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def route(environ):
    method = "GET" if environ["REQUEST_METHOD"] == "HEAD" else environ["REQUEST_METHOD"]
    # WSGI hands the path over as latin-1; what is no UTF-8 can't be the name of anything here.
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if path == "/letters" and method == "POST":
        return receive(environ)
    if method != "GET":
        allow = "GET, HEAD, POST" if path == "/letters" else "GET, HEAD"
        raise fault("405 Method Not Allowed", "不支持这种请求", "请从首页写信。", [("Allow", allow)])
    if path in STATIC:
        body, kind = STATIC[path]
        return Answer("200 OK", body, kind, [("Cache-Control", "public, max-age=300")])
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")[:2000]))
    if path.startswith("/letters/"):
        return one_letter(path.removeprefix("/letters/"))
    handler = {"/": home, "/letters": listing, "/thanks": thanks, "/track": track, "/about": about, "/healthz": health}.get(path)
    if handler is None:
        raise fault("404 Not Found", "没有这个页面", "地址可能写错了，或者这封信没有公开。")
    return handler(query)


def home(_query):
    return html(pages.home(store.counts(), store.published(4)))


def listing(query):
    text = query.get("page", "1")
    page = min(int(text), 10_000) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0 else 1
    rows = store.published(PER_PAGE + 1, (page - 1) * PER_PAGE)
    return html(pages.listing(rows[:PER_PAGE], store.counts(), page, len(rows) > PER_PAGE))


def one_letter(code):
    row = store.one(code)
    if row is None:
        raise fault("404 Not Found", "没有这封信", "它可能尚未公开。凭查询码可以查看办理进度。")
    return html(pages.letter(row))


def thanks(query):
    code = query.get("code", "")
    if store.status(code) is None:
        raise fault("404 Not Found", "没有这个查询码", "请核对后到“查进度”页面重新输入。")
    return html(pages.thanks(code))


def track(query):
    code = query.get("code", "").strip().upper()[:17]
    return html(pages.track(code, store.status(code) if code else None))


def about(_query):
    return html(pages.about())


def health(_query):
    """Healthy means that letters can be read; the numbers are for whoever looks."""
    body = json.dumps({"status": "ok", **store.counts()}) + "\n"
    return Answer("200 OK", body, "application/json", [("Cache-Control", "no-store")])


def receive(environ):
    """Post, redirect, get: a reload doesn't send the letter twice."""
    if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
        raise fault("403 Forbidden", "请在本站写信", "这封信是从别的网站提交的，没有收下。")
    form = read_form(environ)
    if form.get("website"):
        # A machine filled in the field that people don't see: it gets the same answer as everybody, and nothing is kept.
        return redirect("/letters")
    letter, faults = letters.check(form)
    if faults:
        body = pages.home(store.counts(), store.published(4), letter, faults)
        return Answer("422 Unprocessable Entity", body, headers=[("Cache-Control", "no-store")])
    return redirect("/thanks?code=" + quote(store.add(letter)))


def read_form(environ):
    if environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise fault("415 Unsupported Media Type", "格式不对", "请从首页的表单写信。")
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()):
        raise fault("411 Length Required", "缺少长度", "请从首页的表单写信。")
    if len(length) > 9 or int(length) > FORM_MAX:
        raise fault("413 Content Too Large", "信太长了", f"内容不超过 {letters.BODY_MAX} 个字。")
    try:
        fields = parse_qsl(environ["wsgi.input"].read(int(length)).decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise fault("400 Bad Request", "看不懂这封信", "文字编码应为 UTF-8，请从首页的表单写信。") from None
    return dict(fields)


def html(body):
    return Answer("200 OK", body, headers=[("Cache-Control", "no-store")])


def redirect(to):
    return Answer("303 See Other", "", headers=[("Location", to), ("Cache-Control", "no-store")])


def fault(status, title, text, headers=()):
    return Answer(status, pages.fault_page(status, title, text), headers=headers)
