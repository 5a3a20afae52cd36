import { shortHash } from "../core/hash.ts";

/** Docker's limit for the names of services, networks, secrets and configs, and DNS's for a label. */
const MAX = 63;

/** The Docker stack (namespace) that a stack of a platform is: `honghe-site-finance`. */
export function namespaceOf(platform: string, stack: string): string {
  return `${platform}-${stack}`;
}

/** The stack of a site: `site-finance`. */
export function siteStack(site: string): string {
  return `site-${site}`;
}

/** The site of a stack, or `undefined` where the stack is not a site's. */
export function stackSite(stack: string): string | undefined {
  return stack.startsWith("site-") ? stack.slice("site-".length) : undefined;
}

/**
 * The name of any object: `PLATFORM-STACK_PART`, DNS-safe, at most 63 characters. A name that is too long keeps its start and ends
 * in a hash of the whole, so that two long names never meet.
 */
export function objectName(platform: string, stack: string, part: string): string {
  const name = `${namespaceOf(platform, stack)}_${part}`;
  if (name.length <= MAX) return name;
  return `${name.slice(0, MAX - 13)}-${shortHash(name)}`;
}

/** The name of an immutable object whose content's hash is part of it: `honghe-edge_caddy-3f9c0a1b2c4d`. */
export function contentName(platform: string, stack: string, part: string, hash: string): string {
  const room = MAX - hash.length - 1;
  const name = objectName(platform, stack, part);
  return `${name.length <= room ? name : `${name.slice(0, room - 13)}-${shortHash(name)}`}-${hash}`;
}

/**
 * Images are named for a registry on the node itself: where none listens, the connection is refused at once and Swarm takes the local
 * image. Any other name costs a DNS look-up that can hang for seconds on a network without the open internet.
 */
export const REGISTRY = "127.0.0.1:5325";

/** The image of a part of a platform: `127.0.0.1:5325/honghe/site-finance:3f9c0a1b2c4d`. */
export function imageName(platform: string, part: string, tag: string): string {
  return `${REGISTRY}/${platform}/${part}:${tag}`;
}

/** An image that all platforms of this engine share: `127.0.0.1:5325/terrace/static:3f9c0a1b2c4d`. */
export function sharedImageName(part: string, tag: string): string {
  return imageName("terrace", part, tag);
}

/** Whether an image is one that Terrace builds itself. */
export function isOwnImage(reference: string): boolean {
  return reference.startsWith(`${REGISTRY}/`);
}

/** An image's name and tag without the digest that a registry gave it; the tag of our own says the same. */
export function withoutDigest(reference: string): string {
  return isOwnImage(reference) ? reference.replace(/@sha256:[0-9a-f]+$/, "") : reference;
}

/** Whether an image is the one that all of ours are built on. */
export function isBase(reference: string): boolean {
  return reference.startsWith(sharedImageName("base", ""));
}
