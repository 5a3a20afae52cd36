import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The checkout's root. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Folders and files of the checkout that are made, fetched or private, and never committed. */
const NOT_OURS = new Set(["node_modules", "dist", ".git", ".terrace", "secrets"]);

/** All files below a folder of the checkout that pass, as sorted paths relative to its root with forward slashes. */
export function filesBelow(folder: string, pass: (path: string) => boolean = () => true): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
      if (NOT_OURS.has(entry.name)) continue;
      const below = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) visit(below);
      else if (entry.isFile() && pass(below)) found.push(below);
    }
  };
  if (existsSync(join(ROOT, folder))) visit(folder);
  return found.sort();
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** One import of a file. */
export interface Import {
  from: string;
  /** 1-based. */
  line: number;
  /** What is written: `node:fs`, `dockerode`, or for our own files the path relative to the root. */
  to: string;
  /** Only types: gone once compiled. */
  typeOnly: boolean;
  /** `import("...")`: loaded when it is first needed, so that a circle through it is none at load time. */
  lazy: boolean;
}

/** All imports of a TypeScript file: static, re-exports, and `import("...")` with a constant. */
export function importsOf(path: string): Import[] {
  const source = ts.createSourceFile(path, textOf(path), ts.ScriptTarget.ES2023, true);
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean, lazy = false) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    const { text } = specifier;
    const to = text.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), text)).replaceAll("\\", "/") : text;
    found.push({ from: path, line, to, typeOnly, lazy });
  };
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0], false, true);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const { namedBindings: names } = clause;
  if (clause.name !== undefined || names === undefined || ts.isNamespaceImport(names)) return false;
  return names.elements.length > 0 && names.elements.every((each) => each.isTypeOnly);
}
