import { domainToASCII, domainToUnicode } from "node:url";

/** A host name in both its forms. */
export interface Host {
  /** As people read it: `财政局.政务`. */
  unicode: string;
  /** As the wire needs it (punycode), lower case: `xn--...`. */
  ascii: string;
}

const LDH_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** What IDNA takes for a dot beside the dot itself, e.g. the ideographic full stop. */
const OTHER_DOTS = /[\u3002\uff0e\uff61]/g;

/** A host name; under `domain`, unless that is empty, where it is a bare label. Called only with what {@link hostFault} accepted. */
export function toHost(typed: string, domain: string): Host {
  const name = isBare(typed) && domain !== "" ? `${typed}.${domain}` : typed;
  const ascii = asciiOf(name) ?? "";
  return { ascii, unicode: ascii.includes("xn--") ? domainToUnicode(ascii) : ascii };
}

/** No dot in it: stands under the platform's domain. */
export function isBare(typed: string): boolean {
  return !typed.replace(OTHER_DOTS, ".").includes(".");
}

/** Why a text is no host name, as a sentence; `undefined` where it is one. */
export function hostFault(typed: string): string | undefined {
  const plain = "must be a host name like finance or czj.example.gov.cn";
  if (typed.includes("*")) return "must be one host name: wildcards are not supported";
  if (/:\/\//.test(typed)) return `${plain}, without http:// or https://`;
  if (/[/?#\\]/.test(typed)) return `${plain}, without a path`;
  if (/:[0-9]*$/.test(typed)) return `${plain}, without a port (ports are set in platform.yaml under edge)`;
  if (typed.includes("_")) return `${plain}: underscores are not allowed in host names`;
  const name = typed.replace(OTHER_DOTS, ".");
  if (name.endsWith(".")) return `${plain}, without a dot at the end`;
  if (/(^|\.)[0-9]+$/.test(name)) return `${plain}: it cannot be or end in a number`;
  const ascii = asciiOf(name);
  if (ascii === undefined) return plain;
  const long = ascii.split(".").find((label) => label.length > 63);
  if (long !== undefined) return `each part between dots can have 63 characters at most; one has ${long.length}`;
  if (ascii.length > 253) return `a host name can have 253 characters at most; this one has ${ascii.length}`;
  return ascii.split(".").every((label) => LDH_LABEL.test(label)) ? undefined : plain;
}

/** Plain ASCII is not sent through the URL parser: that would read `0x7f.1` as an address. */
function asciiOf(name: string): string | undefined {
  const lower = name.toLowerCase();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
  if (/^[\u0000-\u007f]*$/.test(lower) && !/(^|\.)xn--/.test(lower)) return /[\s@%]/.test(lower) ? undefined : lower;
  const ascii = domainToASCII(lower);
  return ascii === "" ? undefined : ascii;
}
