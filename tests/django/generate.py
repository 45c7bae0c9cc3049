"""Makes the database of a Django shop, with whatever is odd in one, and dumps it.

    generate.py --out DIR [--engine sqlite|postgresql|mysql --port PORT] [--rooms N --messages N]

Needs Django 5.2 and argon2-cffi (for PostgreSQL psycopg, for MariaDB PyMySQL). The committed fixtures
are its output without further options: `make django-fixtures` writes them anew.
"""

import argparse
import os
import sqlite3
import sys
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent
UTC = timezone.utc
START = datetime(2024, 3, 1, 9, 0, 0, tzinfo=UTC)
FAR = datetime(2124, 1, 1, tzinfo=UTC)
TABLES = ("auth_user", "django_session", "chat_chatroom", "chat_chatmessage")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--engine", default="sqlite")
    parser.add_argument("--port", default="")
    parser.add_argument("--rooms", type=int, default=0)
    parser.add_argument("--messages", type=int, default=0)
    return parser.parse_args()


def configure(options):
    import django
    from django.conf import settings

    if options.engine == "sqlite":
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": options.out / "shop.sqlite3"}
    else:
        if options.engine == "mysql":
            import pymysql

            pymysql.version_info = (2, 2, 1, "final", 0)
            pymysql.install_as_MySQLdb()
        database = {
            "ENGINE": f"django.db.backends.{options.engine}",
            "NAME": "shop",
            "USER": "shop",
            "HOST": "127.0.0.1",
            "PORT": options.port,
        }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "chat",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="not secret: the fixtures are public",
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    sys.path.insert(0, str(HERE))
    django.setup()


def room_id(number):
    return uuid.UUID(int=(0xD7A0 << 112) | number)


def people():
    from django.contrib.auth.hashers import (
        Argon2PasswordHasher,
        PBKDF2PasswordHasher,
        make_password,
    )
    from django.contrib.auth.models import User

    pbkdf2 = PBKDF2PasswordHasher().encode("old", "fixedsaltfixedsalt")
    argon2 = Argon2PasswordHasher().encode("correct horse", "fixedsaltfixedsalt")
    unusable = "!" + "u" * 40
    assert make_password(None).startswith("!")
    rows = [
        ("mia", "mia@shop.example", pbkdf2, True, True, True),
        ("tom", "tom@shop.example", argon2, True, False, True),
        ("eve", "eve@shop.example", unusable, True, False, True),
        ("gone", "gone@shop.example", pbkdf2, True, True, False),
        ("ann", "ann@example.com", unusable, False, False, True),
        ("bob", "", unusable, False, False, True),
        ("twin", "ann@example.com", unusable, False, False, True),
    ]
    for key, (name, email, password, staff, superuser, active) in enumerate(rows, 1):
        User.objects.create(
            id=key,
            username=name,
            email=email,
            password=password,
            is_staff=staff,
            is_superuser=superuser,
            is_active=active,
            first_name="Mia" if name == "mia" else "",
            last_name="Müller" if name == "mia" else "",
            date_joined=START,
        )


def sessions():
    from django.contrib.sessions.models import Session

    Session.objects.create(session_key="live" + "s" * 28, session_data="x", expire_date=FAR)
    Session.objects.create(session_key="dead" + "s" * 28, session_data="x", expire_date=START)


def odd_rooms():
    """Rooms by number: fields, then messages (sender, name, content, is_read, seconds)."""
    c, a = "customer", "admin"
    return {
        # Read up to a point, with micro-seconds that would order differently than milliseconds.
        1: (
            {"customer_name": "Ann", "customer_email": "ann@example.com", "user_id": 5},
            [
                (c, "Ann", "hello", True, 0.000900),
                (c, "Ann", "second, though its time is earlier", True, 0.000100),
                (a, "Mia", "good morning", True, 60),
                (c, "Ann", "<b>ünïcödé</b> 😀\r\n\ttabs", False, 120),
            ],
        ),
        2: ({"customer_name": "Bob", "user_id": 6}, [(c, "Bob", "hi", True, 0), (a, "", "yes?", False, 5)]),
        # Names past our limits.
        3: (
            {"customer_name": "Ä" * 200, "customer_phone": "5" * 50, "session_key": "live" + "s" * 28},
            [(c, "Ä" * 200, "long name", False, 0)],
        ),
        4: ({"customer_name": "Same session", "session_key": "live" + "s" * 28}, [(c, "", "me again", False, 0)]),
        5: ({"customer_name": "Ended", "session_key": "dead" + "s" * 28}, [(c, "", "bye", True, 0)]),
        6: ({"customer_name": "Made up", "session_key": "ws_" + "0" * 20}, [(c, "", "socket", True, 0)]),
        # Texts that are too long, blank, or not text.
        7: (
            {"customer_name": "Long"},
            [(c, "Long", "x" * 8000 + "y" * 8000 + "end", False, 0), (c, "Long", " \n\u200b", False, 1), (c, "Nul", "a\0b", False, 1)],
        ),
        8: ({"customer_name": "Closed", "status": "closed"}, [(c, "", "thanks", True, 0), (a, "Tom", "welcome", True, 9)]),
        9: ({"customer_name": "Empty"}, []),
        10: ({"customer_name": "Blank only"}, [(c, "", "", False, 0)]),
        11: ({"customer_name": "Robot"}, [("system", "", "Welcome to the shop", False, 0), (c, "", "hm", False, 1), ("ghost", "", "boo", False, 2)]),
        12: ({"customer_name": "Control\x07 name\n"}, [(a, "Tom", "an agent began", False, 0)]),
    }


def fill_odd():
    from chat.models import ChatMessage, ChatRoom

    key = 0
    for number, (fields, messages) in odd_rooms().items():
        room = ChatRoom.objects.create(id=room_id(number), **fields)
        began = START + timedelta(days=number)
        for sender, name, content, is_read, seconds in messages:
            key += 1
            if "\0" in content and ENGINE == "postgresql":
                continue  # It has no such text.
            message = ChatMessage.objects.create(
                id=key, room=room, sender_type=sender, sender_name=name, content=content, is_read=is_read
            )
            at = began + timedelta(seconds=seconds)
            ChatMessage.objects.filter(id=message.id).update(created_at=at)
        # The times that auto_now has set are of the last save, whatever that was.
        ChatRoom.objects.filter(id=room.id).update(created_at=began, updated_at=FAR, last_message_at=FAR)
    orphan = ChatMessage(id=900, room_id=room_id(999), sender_type="customer", content="nobody's", created_at=START)
    ChatMessage.objects.bulk_create([orphan])
    ChatMessage.objects.filter(id=orphan.id).update(created_at=START)


def fill_many(rooms, messages):
    from chat.models import ChatMessage, ChatRoom

    made = [
        ChatRoom(id=room_id(10_000 + number), customer_name=f"Customer {number}", status="closed" if number % 3 else "active")
        for number in range(rooms)
    ]
    ChatRoom.objects.bulk_create(made, batch_size=2_000)
    batch = []
    for number in range(messages):
        sender = "admin" if number % 3 == 2 else "customer"
        batch.append(
            ChatMessage(
                id=1_000 + number,
                room=made[number * 7_919 % rooms],
                sender_type=sender,
                sender_name="Mia" if sender == "admin" else "",
                content=f"message {number} about order {number * 31 % 9_973}",
                is_read=number < messages * 0.9,
            )
        )
        if len(batch) == 5_000 or number + 1 == messages:
            ChatMessage.objects.bulk_create(batch, batch_size=5_000)
            batch = []
    fix_times(rooms)


def fix_times(rooms):
    from django.db import connection

    seconds = {
        "sqlite": "strftime('%Y-%m-%d %H:%M:%f', '2020-01-01', (id / 3.0) || ' seconds')",
        "postgresql": "timestamptz '2020-01-01 00:00:00+00' + round(id / 3.0, 3) * interval '1 second'",
        "mysql": "timestampadd(MICROSECOND, round(round(id / 3.0, 3) * 1000000), '2020-01-01')",
    }[ENGINE]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE chat_chatmessage SET created_at = {seconds} WHERE id >= 1000")
        at = "'2020-01-01 00:00:00'" if ENGINE != "postgresql" else "timestamptz '2020-01-01 00:00:00+00'"
        cursor.execute(f"UPDATE chat_chatroom SET created_at = {at} WHERE customer_name LIKE 'Customer %%'", [])


def dump(out):
    from django.core.management import call_command

    models = ["auth.user", "sessions", "chat"]
    call_command("dumpdata", *models, format="jsonl", output=str(out / "shop.jsonl"), verbosity=0)
    if not os.environ.get("ONLY_JSONL"):
        call_command("dumpdata", *models, indent=1, output=str(out / "shop.json"), verbosity=0)


def quoted(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if "\0" in value:
            return f"CAST(X'{value.encode().hex()}' AS TEXT)"
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def write_sql(out):
    """The SQLite database as text, so that it can be committed."""
    database = sqlite3.connect(out / "shop.sqlite3")
    with open(out / "shop.sql", "w", newline="\n") as sql:
        for table in TABLES:
            (schema,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
            sql.write(schema + ";\n")
            for row in database.execute(f"SELECT * FROM {table} ORDER BY 1"):
                sql.write(f"INSERT INTO {table} VALUES ({', '.join(map(quoted, row))});\n")


def main():
    global ENGINE
    options = arguments()
    ENGINE = options.engine
    options.out.mkdir(parents=True, exist_ok=True)
    configure(options)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    # The chat has no migrations, and refers to a table that those have made.
    call_command("migrate", run_syncdb=True, verbosity=0)
    people()
    sessions()
    fill_odd()
    if options.rooms:
        fill_many(options.rooms, options.messages)
    dump(options.out)
    if ENGINE == "sqlite" and not options.rooms:
        write_sql(options.out)


main()
