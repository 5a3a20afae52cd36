"""Letters in SQLite: what is stored, and what a letter must look like."""

import secrets
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone

CATEGORIES = ("交通出行", "教育", "医疗卫生", "就业社保", "生态环境", "城乡建设", "财政资金", "其他")
TITLE_MAX = 60
BODY_MIN = 10
BODY_MAX = 2000
NAME_MAX = 20

LOCAL = timezone(timedelta(hours=8))

SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  code TEXT NOT NULL UNIQUE,
  received TEXT NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  name TEXT NOT NULL,
  published INTEGER NOT NULL DEFAULT 0,
  unit TEXT,
  answered TEXT,
  answer TEXT
)
"""


class Store:
    """Every call opens and closes its own connection, so threads and a second container share the file safely."""

    def __init__(self, path):
        self.path = path

    def connect(self):
        connection = sqlite3.connect(self.path, timeout=10)
        connection.row_factory = sqlite3.Row
        return connection

    def prepare(self, samples):
        """Creates the table; an empty one gets the samples, so that the list has something to show.

        Two containers may start on an empty volume at once: the lock comes before the question whether it is empty.
        """
        with closing(self.connect()) as db:
            db.execute("PRAGMA journal_mode = WAL")
            with db:
                db.execute("BEGIN IMMEDIATE")
                db.execute(SCHEMA)
                if db.execute("SELECT count(*) FROM letters").fetchone()[0] == 0:
                    db.executemany(
                        "INSERT INTO letters (code, received, category, title, body, name, published, unit, answered, answer)"
                        " VALUES (:code, :received, :category, :title, :body, :name, 1, :unit, :answered, :answer)",
                        samples,
                    )

    def add(self, letter):
        """Stores a letter and returns the code under which its writer can look it up."""
        now = datetime.now(LOCAL)
        code = now.strftime("%Y%m%d") + "-" + "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTUVWXYZ") for _ in range(8))
        with closing(self.connect()) as db, db:
            db.execute(
                "INSERT INTO letters (code, received, category, title, body, name) VALUES (?, ?, ?, ?, ?, ?)",
                (code, now.strftime("%Y-%m-%d"), letter["category"], letter["title"], letter["body"], letter["name"]),
            )
        return code

    def published(self, limit, offset=0):
        with closing(self.connect()) as db:
            return db.execute(
                "SELECT * FROM letters WHERE published = 1 ORDER BY received DESC, id DESC LIMIT ? OFFSET ?", (limit, offset)
            ).fetchall()

    def one(self, code):
        """A published letter by its code; `None` where there is none."""
        with closing(self.connect()) as db:
            return db.execute("SELECT * FROM letters WHERE code = ? AND published = 1", (code,)).fetchone()

    def status(self, code):
        """State of any letter by its code, without its text; `None` where there is none."""
        with closing(self.connect()) as db:
            return db.execute("SELECT code, received, category, published, unit, answered FROM letters WHERE code = ?", (code,)).fetchone()

    def counts(self):
        with closing(self.connect()) as db:
            row = db.execute(
                "SELECT count(*) AS received, count(answered) AS answered, coalesce(sum(published), 0) AS published FROM letters"
            ).fetchone()
            return {key: row[key] for key in row.keys()}


def check(form):
    """Returns the cleaned letter and a map of field to what is wrong with it; the map is empty when all is well."""
    letter = {
        "category": form.get("category", "").strip(),
        "title": one_line(form.get("title", "")),
        "name": one_line(form.get("name", "")),
        "body": clean(form.get("body", "").replace("\r\n", "\n").replace("\r", "\n")).strip(),
    }
    faults = {}
    if letter["category"] not in CATEGORIES:
        faults["category"] = "请选择一个类别"
    if not letter["title"]:
        faults["title"] = "请填写标题"
    elif len(letter["title"]) > TITLE_MAX:
        faults["title"] = f"标题不超过 {TITLE_MAX} 个字，现在是 {len(letter['title'])} 个"
    if len(letter["body"]) < BODY_MIN:
        faults["body"] = f"请把事情说清楚，至少 {BODY_MIN} 个字"
    elif len(letter["body"]) > BODY_MAX:
        faults["body"] = f"内容不超过 {BODY_MAX} 个字，现在是 {len(letter['body'])} 个"
    if len(letter["name"]) > NAME_MAX:
        faults["name"] = f"称呼不超过 {NAME_MAX} 个字"
    return letter, faults


def clean(text):
    """Without control characters (line ends stay)."""
    return "".join(char for char in text if char == "\n" or (char.isprintable() or char == "\u3000"))


def one_line(text):
    return " ".join(clean(text.replace("\n", " ")).split())
