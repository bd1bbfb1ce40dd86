# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# git: many processes, memory maps, compression, hooks.
. "$APPS/lib.sh"

export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
commit()
{
	date=$((${date:-1600000000} + 60))
	GIT_AUTHOR_DATE="$date +0000" GIT_COMMITTER_DATE="$date +0000" run git commit -q "$@"
}

run git config --global init.defaultBranch main
run git config --global pack.threads 2
run git init repository | sed "s|$PWD||"
cd repository || exit
for i in $(seq 1 30); do seq "$i" $((i * 20)) >"file$i"; done
run git add .
commit -m "first"
for i in 1 2 3; do
	echo "change $i" >>"file$i"
	commit -am "change $i"
done
run git checkout -q -b side HEAD~2
echo "on the side" >>file9
commit -am "side"
run git checkout -q main
GIT_COMMITTER_DATE='1700000000 +0000' GIT_AUTHOR_DATE='1700000000 +0000' run git merge -q --no-edit side
run git log --oneline --graph --stat | tail -n 20
run git rev-parse HEAD
run git diff HEAD~3 --numstat
echo more >>file1
run git status --short
run git stash -q
run git stash pop | tail -n 1 | cut -d ' ' -f 1
run git checkout -q .
run git blame -s file1 | tail -n 2
run git grep -n -c 399 | head -n 3
run git gc -q
run git fsck --strict --no-dangling 2>&1
run git count-objects -v | grep -E '^(count|in-pack|packs)'
cd .. || exit
run git clone -q repository clone
run git clone -q --no-local --bare repository bare
run git -C clone log --format=%H -1
cat >bare/hooks/pre-receive <<'EOF'
#!/bin/sh
while read -r old new ref; do echo "hook: $ref" >&2; done
EOF
chmod +x bare/hooks/pre-receive
(
	cd clone || exit
	echo pushed >new
	run git add new
	commit -m "to push"
	run git push -q ../bare main
	run git archive HEAD | sha256sum
	run git format-patch -1 --stdout | tail -n +6 | head -n 12
	run git bisect start HEAD HEAD~4 2>&1 | sed 's/ (.*//'
	run git bisect run sh -c '! grep -q "change 2" file2' 2>&1 | grep 'first bad'
)
run git -C bare log --oneline -2
run git -C clone show no-such-thing
echo "status $?"
