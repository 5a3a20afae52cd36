# compare.pl "VOLUME ...": /data/restored/VOLUME against /data/volumes/VOLUME, in steady memory. Prints one JSON object.
use strict;
use warnings;
use File::Find;

my ($files, $bytes, $same, $changed, $different, $first) = (0, 0, 0, 0, 0, '');

sub equal {
  my ($one, $two) = @_;
  open(my $a, '<:raw', $one) or die "$one: $!\n";
  open(my $b, '<:raw', $two) or return 0;
  my ($x, $y);
  while (1) {
    my $n = read($a, $x, 1 << 20);
    my $m = read($b, $y, 1 << 20);
    die "$one: $!\n" unless defined $n && defined $m;
    return 0 if $n != $m || $x ne $y;
    return 1 if $n == 0;
  }
}

for my $volume (split ' ', $ARGV[0]) {
  my $root = "/data/restored/$volume/.terrace-restore/data/" . ($volume eq '@content' ? 'content' : "volumes/$volume");
  die "nothing was restored of $volume\n" unless -d $root;
  find({ no_chdir => 1, wanted => sub {
    return if -l $_ || !-f _;
    my ($size, $time) = (lstat $_)[7, 9];
    $files++;
    $bytes += $size;
    my $live = "/data/volumes/$volume" . substr($_, length $root);
    my @now = lstat $live;
    if (!@now || $now[7] != $size || $now[9] != $time) { $changed++; return; }
    if (equal($_, $live)) { $same++; return; }
    # A file that is written to at this moment is no fault either.
    my @then = lstat $live;
    if (!@then || $then[9] != $time || $then[7] != $size) { $changed++; return; }
    $different++;
    $first ||= substr($_, length $root) . " of $volume differs from the live file, though size and time are the same";
  } }, $root);
}
$first =~ s/(["\\])/\\$1/g;
printf '{"files": %d, "bytes": %d, "same": %d, "changed": %d, "different": %d, "first": "%s"}', $files, $bytes, $same, $changed, $different, $first;
