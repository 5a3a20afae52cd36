import { canonicalJson } from "../core/hash.ts";
import { LABEL } from "../core/labels.ts";
import type { Remembered } from "./cache.ts";
import { isDrifted } from "./live.ts";
import type { Change, Desired, Json, Live, PropertyChange } from "./model.ts";
import { normalForm } from "./normal.ts";

/**
 * What must be done to make one stack live as it is wanted. Objects are matched by kind and name: secrets and configs carry their
 * content's hash in the name, so a changed one is a new one, and the old one is unwanted.
 *
 * @param live all live objects of the platform; only those of the stack can become unwanted.
 */
export function diffStack(stack: string, desired: Desired[], live: LiveIndex): Change[] {
  const wanted = new Set(desired.map(({ kind, name }) => `${kind} ${name}`));
  const changes = desired.map((each) => diffObject(each, live.find(each))).filter((change) => change !== undefined);
  const unwanted = live.ofStack(stack).filter((each) => !wanted.has(`${each.kind} ${each.name}`) && !isKept(each));
  return [...changes, ...unwanted.map(removal)];
}

/** Whether a stack that wants just these objects has nothing to change: the quick answer for most stacks of most runs. */
export function isUnchanged(stack: string, wanted: Remembered[], live: LiveIndex): boolean {
  const same = wanted.every((each) => {
    const found = live.find(each);
    if (found === undefined) return false;
    return each.kind === "image" || each.once || (found.hash === each.hash && !isDrifted(found));
  });
  return (
    same &&
    live
      .ofStack(stack)
      .every((found) => wanted.some(({ kind, name }) => found.kind === kind && found.name === name) || isKept(found))
  );
}

/** What no program has to want in order to stay: images, and what belongs to data. */
function isKept({ kind, spec }: Live): boolean {
  return kind === "image" || (spec.Labels as Record<string, string> | undefined)?.[LABEL.keep] !== undefined;
}

/** The live objects, by name and by stack. */
export class LiveIndex {
  readonly #byName: Map<string, Live>;
  readonly #byStack: Map<string, Live[]>;

  constructor(live: Live[]) {
    this.#byName = new Map(live.map((each) => [`${each.kind} ${each.name}`, each]));
    this.#byStack = new Map();
    for (const each of live) {
      const same = this.#byStack.get(each.stack);
      if (same === undefined) this.#byStack.set(each.stack, [each]);
      else same.push(each);
    }
  }

  find({ kind, name }: Pick<Live, "kind" | "name">): Live | undefined {
    return this.#byName.get(`${kind} ${name}`);
  }

  ofStack(stack: string): Live[] {
    return this.#byStack.get(stack) ?? [];
  }

  all(): Live[] {
    return [...this.#byName.values()];
  }

  stacks(): string[] {
    return [...this.#byStack.keys()].filter((stack) => stack !== "");
  }
}

function diffObject(desired: Desired, live: Live | undefined): Change | undefined {
  const { platform, stack, kind, name, urn } = desired;
  const base = { platform, stack, kind, name, urn, desired };
  if (live === undefined) {
    const properties = kind === "image" ? [] : compare({}, shown(desired.spec));
    return { ...base, action: "create", reason: "config", drifted: false, restarts: false, properties };
  }
  if (kind === "image" || desired.once) return undefined;
  const drifted = isDrifted(live);
  if (desired.hash === live.hash && !drifted) return undefined;
  const properties = compare(shown(live.spec), shown(desired.spec));
  // A network can't be changed, and bookkeeping labels are no reason to make one anew.
  if (kind === "network" && properties.length === 0) return undefined;
  const reason = desired.hash === live.hash ? "drift" : "config";
  const restarts = kind === "service" && canonicalJson(template(live.spec)) !== canonicalJson(template(desired.spec));
  return { ...base, live, action: "update", reason, drifted, restarts, properties };
}

function removal(live: Live): Change {
  const { platform, stack, kind, name, urn } = live;
  return {
    platform,
    stack,
    kind,
    name,
    urn,
    live,
    action: "delete",
    reason: "unwanted",
    drifted: false,
    restarts: false,
    properties: [],
  };
}

function template(spec: Json): Json {
  return normalForm((spec.TaskTemplate ?? {}) as Json);
}

/** A specification as people read it: ownership and hash labels are left out, lists of named things become maps. */
function shown(spec: Json): Json {
  return readable(normalForm(spec), "") as Json;
}

/** Lists whose order means nothing, and what each entry is called. */
const KEYS: Record<string, (item: Json) => string> = {
  Mounts: (item) => String(item.Target),
  Secrets: (item) => String((item.File as Json | undefined)?.Name ?? item.SecretName),
  Configs: (item) => String((item.File as Json | undefined)?.Name ?? item.ConfigName),
  Networks: (item) => String(item.Target),
  Ports: (item) => String(item.PublishedPort),
};

const BOOKKEEPING = /^(terrace\.|com\.docker\.stack\.)/;

function readable(value: unknown, key: string): unknown {
  if (Array.isArray(value)) {
    if (key === "Env") return Object.fromEntries(value.map((pair: string) => split(pair)));
    const name = KEYS[key];
    if (name !== undefined) return Object.fromEntries(value.map((item: Json) => [name(item), readable(item, "")]));
    return value;
  }
  if (key === "Mode" && typeof value === "number") return `0${value.toString(8)}`;
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([each]) => key !== "Labels" || !BOOKKEEPING.test(each));
  return Object.fromEntries(entries.map(([each, item]) => [each, readable(item, each)]));
}

/** Environment values whose names say that they are secret, and no path of one, are shown as a mark, here and wherever a change is printed. */
const SECRET_NAME = /^(?!.*_FILE$).*(PASS(WORD|WD)?|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|_KEY$)/i;

function masked(path: string, value: unknown): unknown {
  const [, name] = /(?:^|\.)Env\.(.+)$/.exec(path) ?? [];
  return value !== undefined && name !== undefined && SECRET_NAME.test(name) ? "[secret]" : value;
}

function split(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** Leaf by leaf, what differs between two trees. Paths are short: the parts that every service shares are left out. */
function compare(before: unknown, after: unknown, path = ""): PropertyChange[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  if (isTree(before) || isTree(after)) {
    const left = isTree(before) ? before : {};
    const right = isTree(after) ? after : {};
    const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])].sort();
    return keys.flatMap((key) => compare(left[key], right[key], path === "" ? key : `${path}.${key}`));
  }
  const short = path.replace(/^TaskTemplate\.(ContainerSpec\.)?/, "");
  return [{ path: short, before: masked(path, before), after: masked(path, after) }];
}

function isTree(value: unknown): value is Json {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
