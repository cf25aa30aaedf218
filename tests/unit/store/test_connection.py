"""How a study's file is made and opened, and what is said of one that cannot be."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runsemble.errors import StoreError
from runsemble.store import connection, file, migrations, sql
from runsemble.store.connection import create, is_shared, open_for_reading, open_for_writing
from runsemble.store.file import as_store_error, glancing, store_path
from runsemble.store.reader import reading
from runsemble.store.writer import hold_lease

MOUNTS = r"""
/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
server:/export /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local xfs rw 0 0
10.0.0.1@tcp:/scratch /scratch lustre rw,flock 0 0
gpfs0 /gpfs gpfs rw 0 0
user@host: /mnt/ssh fuse.sshfs rw 0 0
vol0 /mnt/gluster fuse.glusterfs rw 0 0
ceph-fuse /mnt/ceph fuse.ceph-fuse rw 0 0
//nas/share /mnt/with\040space cifs rw 0 0
server:/daten /mnt/für\040alle nfs rw 0 0
server:/日本 /mnt/日本 nfs rw 0 0
 /odd nfs rw 0 0
/dev/sdc1 /homestead ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/", False),
        ("/var/tmp", False),
        ("/tmp/x", False),
        ("/home", True),
        ("/home/me/sweep", True),
        ("/home/local/me", False),
        ("/homestead/me", False),
        ("/scratch/a/b", True),
        ("/gpfs/x", True),
        ("/mnt/ssh/x", True),
        ("/mnt/gluster/x", True),
        ("/mnt/ceph/x", True),
        ("/mnt/with space/x", True),
        ("/mnt/without space/x", False),
        ("/mnt/für alle/x", True),
        ("/mnt/日本/x", True),
        ("/odd/x", True),
    ],
)
def test_a_disk_that_machines_share_is_known_by_the_mount_above_a_path(path: str, shared: bool) -> None:
    assert is_shared(path, MOUNTS) is shared


def test_the_latest_of_two_mounts_in_one_place_counts() -> None:
    assert is_shared("/data/x", "/dev/sda / ext4 rw 0 0\n/dev/sdb /data xfs rw 0 0\ns:/e /data nfs rw 0 0\n")
    assert not is_shared("/data/x", "/dev/sda / ext4 rw 0 0\ns:/e /data nfs rw 0 0\n/dev/sdb /data xfs rw 0 0\n")


def test_a_link_is_followed_to_the_disk_that_holds_a_study(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    mounts = f"/dev/sda / ext4 rw 0 0\ns:/e {tmp_path}/there nfs rw 0 0\n"
    assert is_shared(f"{tmp_path}/link/study", mounts)


async def make(directory: Path) -> None:
    async with create(str(directory)):
        pass


async def test_a_new_file_has_the_tables_and_is_known_as_ours(tmp_path: Path) -> None:
    async with create(str(tmp_path)) as db, db.execute("SELECT count(*) FROM runs") as cursor:
        assert await cursor.fetchone() == (0,)
    db2 = sqlite3.connect(store_path(str(tmp_path)))
    assert db2.execute("PRAGMA application_id").fetchone() == (sql.APPLICATION_ID,)
    assert db2.execute("PRAGMA user_version").fetchone() == (sql.VERSION,)
    assert db2.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db2.close()


async def test_a_second_study_in_one_directory_is_refused_and_the_first_one_stays(tmp_path: Path) -> None:
    await make(tmp_path)
    before = (tmp_path / "runsemble.db").read_bytes()
    with pytest.raises(StoreError, match=r"there is a study in .* already"):
        await make(tmp_path)
    assert (tmp_path / "runsemble.db").read_bytes() == before


async def test_a_file_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SCHEMA", "CREATE TABLE runs (id); CREATE TABLE runs (id);")
    with pytest.raises(StoreError, match=r"runsemble\.db cannot be made: .*already exists"):
        await make(tmp_path)
    assert os.listdir(tmp_path) == []


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none/runsemble\.db cannot be made: No such file or directory"):
        await make(tmp_path / "none")
    for opener in (open_for_reading, open_for_writing):
        with pytest.raises(StoreError, match=r"there is no study in .*none: runsemble\.db is not there"):
            async with opener(str(tmp_path / "none")):
                pass
    with pytest.raises(StoreError, match=r"there is no study in .*none: runsemble\.db is not there"):
        await glance(str(tmp_path / "none"))


async def read(directory: str) -> None:
    async with reading(directory) as reader:
        await reader.counts()
        await reader.ids()
        await reader.page()


async def write(directory: str) -> None:
    async with hold_lease(directory) as writer:
        await writer.commit([("record_runs", [(1, None, 1, 0, 0, None, 1)])])


async def glance(directory: str) -> None:
    def look() -> None:
        with glancing(directory) as db:
            db.execute("SELECT count(state) FROM runs").fetchall()

    await asyncio.to_thread(look)


each = pytest.mark.parametrize("use", [read, write, glance])
Use = Callable[[str], Awaitable[None]]


def content_of(directory: str) -> bytes:
    return Path(store_path(directory)).read_bytes()


def spoil(directory: str, content: bytes) -> None:
    Path(store_path(directory)).write_bytes(content)
    for suffix in ("-wal", "-shm"):
        Path(store_path(directory) + suffix).unlink(missing_ok=True)


@each
async def test_a_file_that_is_no_database_is_called_damaged_in_one_sentence(directory: str, use: Use) -> None:
    spoil(directory, b"some notes of mine\n" * 100)
    with pytest.raises(StoreError, match=r"runsemble\.db is damaged \(file is not a database\): runsemble rebuild "):
        await use(directory)
    assert content_of(directory) == b"some notes of mine\n" * 100


@each
async def test_a_truncated_file_is_called_damaged_in_one_sentence(directory: str, use: Use) -> None:
    content = content_of(directory)
    spoil(directory, content[: len(content) // 2])
    with pytest.raises(StoreError, match=r"runsemble\.db is damaged \(.*malformed\): runsemble rebuild "):
        await use(directory)


@each
async def test_an_empty_file_is_none_of_ours(directory: str, use: Use) -> None:
    spoil(directory, b"")
    with pytest.raises(StoreError, match=r"runsemble\.db is not a file of runsemble's"):
        await use(directory)


@each
async def test_a_database_of_somebody_else_is_refused_and_left_as_it_is(directory: str, use: Use) -> None:
    spoil(directory, b"")
    db = sqlite3.connect(store_path(directory))
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    before = content_of(directory)
    with pytest.raises(StoreError, match=r"runsemble\.db is not a file of runsemble's"):
        await use(directory)
    assert content_of(directory) == before


@each
async def test_a_file_of_a_newer_version_is_refused_with_how_to_upgrade(directory: str, use: Use) -> None:
    db = sqlite3.connect(store_path(directory))
    db.execute(f"PRAGMA user_version = {sql.VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match=r"newer version of runsemble .*pip install --upgrade runsemble"):
        await use(directory)


async def test_a_directory_in_the_place_of_the_file_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "runsemble.db").mkdir()
    with pytest.raises(StoreError, match="there is no study"):
        await read(str(tmp_path))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("database or disk is full", "the disk is full (/d/runsemble.db)"),
        ("attempt to write a readonly database", "cannot be written to or opened"),
        ("unable to open database file", "cannot be written to or opened"),
        ("database disk image is malformed", "is damaged (database disk image is malformed): runsemble rebuild /d"),
        ("database is locked", "/d/runsemble.db is locked (database is locked): whoever writes to it is very busy"),
        ("no such table: runs", "/d/runsemble.db: no such table: runs"),
    ],
)
def test_what_sqlite_says_is_put_in_a_sentence(words: str, sentence: str) -> None:
    error = as_store_error(sqlite3.OperationalError(words), "/d/runsemble.db")
    assert sentence in str(error)
    assert error.path == "/d/runsemble.db"


async def test_a_file_with_odd_characters_in_its_path_can_be_opened(tmp_path: Path) -> None:
    directory = tmp_path / "a b%20?#ü&mode=ro"
    directory.mkdir()
    await make(directory)
    await write(str(directory))
    await read(str(directory))


async def test_a_disk_that_machines_share_gets_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "is_shared", lambda _: True)
    async with create(str(tmp_path)) as db, db.execute("PRAGMA journal_mode") as cursor:
        assert await cursor.fetchone() == ("delete",)
        async with db.execute("PRAGMA synchronous") as level:
            assert await level.fetchone() == (2,)
        async with reading(str(tmp_path)) as reader:
            assert (await reader.counts())["pending"] == 0


class TestMigrations:
    @pytest.fixture(autouse=True)
    def _newer(self, directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this version know two layouts more than it does."""
        monkeypatch.setattr(migrations, "VERSION", sql.VERSION + 2)
        monkeypatch.setattr(file, "VERSION", sql.VERSION + 2)
        steps = {
            sql.VERSION: "ALTER TABLE runs ADD COLUMN colour TEXT; UPDATE runs SET colour = 'red; or -- not'",
            sql.VERSION + 1: "CREATE TABLE newer (x)",
        }
        monkeypatch.setattr(migrations, "STEPS", steps)

    async def test_an_older_file_is_brought_up_to_date_step_by_step(self, directory: str) -> None:
        async with open_for_writing(directory) as db:
            async with db.execute("SELECT DISTINCT colour FROM runs") as cursor:
                assert [*await cursor.fetchall()] == [("red; or -- not",)]
            async with db.execute("PRAGMA user_version") as cursor:
                assert await cursor.fetchone() == (sql.VERSION + 2,)
        async with open_for_writing(directory) as db, db.execute("SELECT count(*) FROM newer") as cursor:
            assert await cursor.fetchone() == (0,)

    async def test_a_step_that_fails_changes_nothing(self, directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
        step = "CREATE TABLE newer (x); INSERT INTO nowhere VALUES (1)"
        monkeypatch.setattr(migrations, "STEPS", {sql.VERSION: step})
        with pytest.raises(StoreError, match="nowhere"):
            async with open_for_writing(directory):
                raise AssertionError
        db = sqlite3.connect(store_path(directory))
        assert db.execute("PRAGMA user_version").fetchone() == (sql.VERSION,)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'newer'").fetchone() == (0,)
        db.close()

    async def test_a_file_that_somebody_else_has_brought_up_to_date_meanwhile_is_left_alone(
        self, directory: str
    ) -> None:
        async with open_for_writing(directory):
            pass
        async with open_for_writing(directory) as db:
            await migrations.migrate_from(db, directory, sql.VERSION)
            async with db.execute("PRAGMA user_version") as cursor:
                assert await cursor.fetchone() == (sql.VERSION + 2,)

    async def test_a_layout_from_before_the_first_known_one_is_refused(self, directory: str) -> None:
        db = sqlite3.connect(store_path(directory))
        db.execute("PRAGMA user_version = 0")
        db.close()
        with pytest.raises(StoreError, match="has layout 0, which this version of runsemble cannot read"):
            async with open_for_writing(directory):
                raise AssertionError


async def test_whoever_is_cancelled_while_a_file_is_opened_leaves_no_connection(tmp_path: Path) -> None:
    async with create(str(tmp_path)):
        pass

    async def look() -> None:
        async with open_for_reading(str(tmp_path)) as db:
            await db.execute("SELECT 1")

    for tenths in range(60):  # of a millisecond, before the cancellation comes
        task = asyncio.get_running_loop().create_task(look())
        await asyncio.wait([task], timeout=tenths / 10_000)
        task.cancel()
        await asyncio.wait([task])
    threads = [thread for thread in threading.enumerate() if "_connection_worker" in thread.name]
    for thread in threads:  # the last one may be just about to end
        await asyncio.to_thread(thread.join, 5.0)
    assert not any(thread.is_alive() for thread in threads)
