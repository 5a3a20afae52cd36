import type { Workspace } from "./workspace.ts";

/** The folder of the program below. */
export const APP = "site-content/app";

const DOCKERFILE = `ARG BASE
FROM \${BASE}
RUN mkdir /data && chown 10001:10001 /data
COPY app.pl /app.pl
USER 10001:10001
CMD ["perl", "/app.pl"]
`;

/**
 * A program that needs nothing but the base image. MODE `crash`: writes a line and exits with 7; `sick`: its health check fails.
 * Where its volume says `crash` when it starts it exits with 7, too; where it says `broken`, its home page is an error.
 * `/set/TEXT` keeps a text in the volume, `/get` gives it out, `/secret` gives out the secret TOKEN.
 */
const PROGRAM = `use strict; use warnings; use IO::Socket::INET;
my ($mode, $version) = ($ENV{MODE} // '', $ENV{VERSION} // '1');
sub slurp { open(my $file, '<', $_[0]) or return ''; local $/; return <$file>; }
my $found = slurp('/data/note');
if ($mode eq 'crash' || $found eq 'crash') { print STDERR "cannot open the letters: version $version\\n"; exit 7; }
$SIG{CHLD} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 256, ReuseAddr => 1) or die "listen: $!";
my $stop = 0;
$SIG{TERM} = sub { $stop = 1; close $server; };
sub answer {
  my ($path) = @_;
  return $mode eq 'sick' ? (500, 'sick') : (200, 'well') if $path eq '/healthz';
  if ($path =~ m{^/set/(\\w+)$}) { open(my $file, '>', '/data/note') or return (500, "$!"); print $file $1; return (200, 'kept'); }
  return (200, slurp('/data/note')) if $path eq '/get';
  return (200, slurp('/run/secrets/TOKEN')) if $path eq '/secret';
  return $found eq 'broken' ? (500, 'broken') : (200, "app version $version");
}
until ($stop) {
  my $visitor = $server->accept or next;
  next if fork;
  my ($method, $path) = split / /, <$visitor> // '';
  while (defined(my $line = <$visitor>)) { last if $line =~ /^\\r?\\n$/; }
  my ($status, $body) = answer($path // '/');
  print $visitor "HTTP/1.1 $status OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: ", length $body, "\\r\\n\\r\\n$body";
  exit 0;
}
sleep 1;
`;

/** Writes the program's folder. */
export async function writeApp(workspace: Workspace, folder = APP): Promise<void> {
  await workspace.write(`${folder}/Dockerfile`, DOCKERFILE);
  await workspace.write(`${folder}/app.pl`, PROGRAM);
}

/** The file of a site that the program serves. `image` and `more` are laid over. */
export function appSite(name: string, image: object = {}, more: object = {}): object {
  return {
    title: `Site ${name}`,
    kind: "service",
    domains: [name],
    serve: {
      image: {
        build: APP,
        health: { path: "/healthz", interval: "2s", timeout: "15s", retries: 3, start: "1s" },
        ...image,
      },
    },
    scale: { memory: "64MiB" },
    ...more,
  };
}
