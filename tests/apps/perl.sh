# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Perl: regular expressions, fork and pipes, signals, sockets, sorting.
. "$APPS/lib.sh"

cat >script.pl <<'EOF'
use strict; use warnings;
use POSIX qw(:sys_wait_h :signal_h _exit);
use Socket; use IO::Select; use Time::HiRes qw(ualarm usleep); use Digest::SHA qw(sha256_hex);
$| = 1;
my %count;
$count{length $_}++ for map { "x" x ($_ * 7 % 23) } 1 .. 3000;
print join(" ", map { "$_:$count{$_}" } sort { $a <=> $b } keys %count), "\n";
my $text = join " ", map { sprintf "%04d", $_ * 7919 % 10007 } 1 .. 3000;
my $n = () = $text =~ /\b(\d)\d*\1\b/g;
print "matches $n\n";
(my $copy = $text) =~ s/(\d+)/sprintf("%x", $1)/ge;
print sha256_hex($copy), "\n";
print join(",", (sort { $b <=> $a } split / /, $text)[0 .. 4]), "\n";
print "fork: ";
for my $i (1 .. 8) {
	my $pid = fork // die;
	if (!$pid) { _exit($i * 3) }
	waitpid $pid, 0;
	print $? >> 8, " ";
}
print "\n";
pipe my $r, my $w or die;
if (!fork) { close $r; print $w "line $_\n" for 1 .. 2000; close $w; _exit 0 }
close $w;
my $lines = 0; $lines++ while <$r>; wait;
print "pipe $lines\n";
my $got = 0;
$SIG{USR1} = sub { $got++ };
kill USR1 => $$ for 1 .. 100;
print "USR1 $got\n";
my $r2 = eval { local $SIG{ALRM} = sub { die "alarm\n" }; ualarm 200_000; 1 while 1; 1 };
print "died: $@";
$SIG{CHLD} = sub { };
my $kid = fork // die; if (!$kid) { sleep 100; _exit 0 }
kill TERM => $kid; waitpid $kid, 0;
print "signal ", $? & 127, "\n";
{ no warnings; local $SIG{__WARN__} = sub { print "warned: $_[0]" }; warn "careful\n"; }
socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die;
if (!fork) { close $a; while (sysread $b, my $x, 1000) { syswrite $b, uc $x } _exit 0 }
close $b;
for my $word (qw(there and back)) { syswrite $a, $word; sysread $a, my $x, 1000; print "$x " }
close $a; wait; print "\n";
my $out = `echo from a shell; exit 5`; print $out, $? >> 8, "\n";
open my $p, "-|", "sort -n" or die if 0;
open my $s, "|-", "sort -rn | head -n 3" or die; print $s "$_\n" for 1 .. 500; close $s;
printf "%.10g %s\n", atan2(1, 1) * 4, join "", map { chr(ord("a") + $_) } 0 .. 25;
my @deep; $deep[0] = \@deep; my $d = 0;
sub depth { my $n = shift; no warnings "recursion"; $n ? 1 + depth($n - 1) : 0 } print "depth ", depth(3000), "\n";
local $SIG{SEGV} = "DEFAULT"; my $v = fork; if (!$v) { kill SEGV => $$; sleep 1; _exit 1 } waitpid $v, 0; print "segv ", $? & 127, "\n";
exit 17;
EOF
run perl script.pl
echo "status $?"
run perl -e 'exec "perl", "-e", q(print "after exec @ARGV\n"), 1, 2'
run perl -MList::Util=sum,shuffle -MStorable=dclone -e 'print sum(map { $_ * $_ } @{dclone([1 .. 1000])}), "\n"'
