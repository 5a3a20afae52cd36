import type { Problem } from "../core/problem.ts";
import { type Platform, platformSchema, resolvePlatform } from "../platform/index.ts";
import { resolveSite, type Site, siteSchema } from "../site/index.ts";
import { isDnsLabel } from "../units/index.ts";
import { mergeLayers } from "./overlay.ts";
import { rules } from "./rules.ts";
import { shapeFindings } from "./shape.ts";
import { problemAt, readSource, type Source } from "./source.ts";
import {
  type Config,
  type ConfigFiles,
  type Facts,
  type FileBytes,
  type Finding,
  SITE_FOLDER,
  type World,
} from "./types.ts";

/** What one file came to. */
interface Read<T> {
  value: T | undefined;
  typed: Readonly<Record<string, unknown>> | undefined;
  problems: Problem[];
  address(finding: Finding): Problem;
}

/** What `platform.yaml` and its overlays came to. */
interface ReadPlatform extends Read<Platform> {
  /** The lowest layer. */
  base: Source["value"];
}

/** Stands in where `platform.yaml` is broken, so that the sites' own problems are still found. */
const UNKNOWN_DOMAIN = "platform.invalid";

/** Everything that the files say, and everything wrong with them. Looks at nothing but its arguments. */
export function readConfig(files: ConfigFiles, facts: Facts): Config {
  const platform = readPlatform(files);
  const domain = platform.value?.domain ?? UNKNOWN_DOMAIN;
  const reads = new Map(files.sites.map((file) => [siteName(file.path), readSite(file, domain)]));
  const problems = [platform, ...reads.values()].flatMap((read) => read.problems);
  problems.push(...ruleProblems(platform, reads, facts));
  const faulty = new Set(problems.filter(({ severity }) => severity === "error").map(({ file }) => file));
  const sites = [...reads.values()].flatMap(({ value }) => value ?? []).sort(byName);
  return {
    platform: platform.value,
    sites: platform.value === undefined ? [] : sites.filter(({ name }) => !faulty.has(`${SITE_FOLDER}/${name}.yaml`)),
    problems: sortProblems(problems),
  };
}

/** By file, then by line and column. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  );
}

function readPlatform(files: ConfigFiles): ReadPlatform {
  if (files.platform === undefined) return missingPlatform();
  const [base, ...overlays] = [files.platform, ...files.overlays].map(readSource) as [Source, ...Source[]];
  const layers = mergeLayers([base, ...overlays]);
  const address = (finding: Finding) => problemAt(layers.ownerOf(finding.path), finding);
  const problems = [base, ...overlays].flatMap((source) => source.problems);
  if (problems.length > 0) return { value: undefined, typed: undefined, base: undefined, problems, address };
  const faults = shapeFindings(platformSchema, layers.value).map(address);
  const value = faults.length === 0 ? resolvePlatform(layers.value) : undefined;
  return { value, typed: layers.value, base: base.value, problems: faults, address };
}

function missingPlatform(): ReadPlatform {
  const message = "does not exist: a workspace has this file at its root, with the keys platform and domain";
  const address = (finding: Finding): Problem => ({
    rule: finding.rule,
    severity: finding.severity,
    file: "platform.yaml",
    line: 1,
    column: 1,
    key: "",
    message: finding.message,
  });
  const finding: Finding = { rule: "missing-file", severity: "error", path: [], at: "value", message };
  return { value: undefined, typed: undefined, base: undefined, problems: [address(finding)], address };
}

function readSite(file: FileBytes, domain: string): Read<Site> {
  const source = readSource(file);
  const address = (finding: Finding) => problemAt(source, finding);
  const misnamed = nameProblems(file.path);
  const typed = misnamed.length === 0 ? source.value : undefined;
  const problems = [...misnamed, ...source.problems];
  if (typed === undefined) return { value: undefined, typed, problems, address };
  problems.push(...shapeFindings(siteSchema, typed).map(address));
  const value = problems.length === 0 ? resolveSite(siteName(file.path), typed, domain) : undefined;
  return { value, typed, problems, address };
}

function siteName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.yaml$/, "");
}

function nameProblems(file: string): Problem[] {
  const address = { severity: "error", file, line: 1, column: 1, key: "" } as const;
  if (!file.endsWith(".yaml")) {
    return [{ ...address, rule: "file-name", message: "must end in .yaml to be read" }];
  }
  if (isDnsLabel(siteName(file))) return [];
  const message = `the file's name is the site's name: lower-case letters, digits and hyphens, like ${SITE_FOLDER}/finance.yaml`;
  return [{ ...address, rule: "file-name", message }];
}

function ruleProblems(platform: ReadPlatform, reads: ReadonlyMap<string, Read<Site>>, facts: Facts): Problem[] {
  const good = [...reads.values()].flatMap(({ value }) => value ?? []).sort(byName);
  const world: World = {
    platform: platform.value,
    typedPlatform: platform.typed,
    typedBase: platform.base,
    sites: good,
    typed: new Map([...reads].flatMap(([name, { typed }]) => (typed === undefined ? [] : [[name, typed]]))),
    complete: good.length === reads.size,
    facts,
  };
  return rules.flatMap(({ name, check }) =>
    [...check(world)].map(({ site, ...finding }) => {
      const read = site === undefined ? platform : (reads.get(site) ?? platform);
      return read.address({ ...finding, rule: name });
    }),
  );
}

function byName(a: Site, b: Site): number {
  return compare(a.name, b.name);
}

/** By code unit: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
