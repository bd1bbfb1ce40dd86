# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# SQLite: a database on disk, its locks and its memory map.
. "$APPS/lib.sh"

section "a database"
cat >make.sql <<'EOF'
PRAGMA journal_mode = WAL;
PRAGMA mmap_size = 16777216;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, kind INTEGER);
CREATE TABLE kind(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
INSERT INTO kind(name) VALUES ('tool'), ('toy'), ('book'), ('food');
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
INSERT INTO item SELECT i, printf('item %05d', i * 7919 % 10007), i % 97 * 1.25, i % 4 + 1 FROM n;
COMMIT;
CREATE INDEX by_name ON item(name);
CREATE VIEW report AS SELECT kind.name AS kind, count(*) AS n, round(avg(price), 3) AS mean
	FROM item JOIN kind ON item.kind = kind.id GROUP BY kind.id ORDER BY kind.name;
SELECT * FROM report;
SELECT name FROM item WHERE name BETWEEN 'item 00500' AND 'item 00504' ORDER BY name;
UPDATE item SET price = price * 2 WHERE id % 3 = 0;
DELETE FROM item WHERE id % 10 = 0;
BEGIN; DELETE FROM item; ROLLBACK;
SELECT count(*), round(sum(price), 2) FROM item;
PRAGMA integrity_check;
PRAGMA wal_checkpoint(TRUNCATE);
VACUUM;
EOF
run sqlite3 test.db <make.sql
echo "status $?"
run sqlite3 test.db 'PRAGMA integrity_check; SELECT * FROM report'
run sqlite3 test.db .dump | sha256sum
run sqlite3 test.db .dump | run sqlite3 copy.db
run sqlite3 copy.db 'PRAGMA integrity_check; SELECT count(*) FROM item'
run sqlite3 -json test.db 'SELECT * FROM item ORDER BY name LIMIT 2'

section "several writers"
for i in 1 2 3 4; do
	for _ in 1 2 3; do
		echo "BEGIN IMMEDIATE; INSERT INTO item(name, kind) VALUES ('writer $i', 1); COMMIT;"
	done | run sqlite3 -cmd '.timeout 60000' test.db &
done
wait
run sqlite3 test.db "SELECT name, count(*) FROM item WHERE name LIKE 'writer%' GROUP BY name; PRAGMA integrity_check"

section "a writer that is killed"
mkfifo input
(exec_run sqlite3 copy.db <input) &
writer=$!
exec 7>input
# Few pages in memory: it has to write to the file before it commits.
echo 'PRAGMA cache_size = 5; BEGIN; UPDATE item SET price = 1;' >&7
wait_until test -s copy.db-journal
kill -KILL "$writer"
wait "$writer" 2>/dev/null
echo "status $?"
exec 7>&-
run sqlite3 copy.db 'PRAGMA integrity_check; SELECT count(*), round(sum(price), 2) FROM item'
run sqlite3 copy.db 'SELECT no_such_column FROM item'
echo "status $?"
