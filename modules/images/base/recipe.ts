/** What the base image is made of. Whoever changes it raises the image's edition. */
export const BASE_RECIPE = {
  /** The distribution's own image, taken where a registry answers. */
  upstream: "debian:bookworm-slim",
  suite: "bookworm",
  packages: ["ca-certificates", "usr-is-merged"],
  /** The distribution's own names, which any network can point to its mirror; nothing of the machine's set-up goes into the image. */
  sources: [
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://deb.debian.org/debian bookworm-updates main",
    "deb http://deb.debian.org/debian-security bookworm-security main",
  ],
  /** Rules of dpkg, for this image and, as they stay in it, for every one that is built on it. Licences stay. */
  excluded: [
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
  ],
  /** What no container needs, and what is only the machine's, as shell patterns within the finished tree. */
  cleaned: [
    "var/lib/apt/lists/*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/log/*",
    "usr/share/locale/*",
    "usr/share/zoneinfo/right",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/hostname",
    "etc/resolv.conf",
  ],
} as const;
