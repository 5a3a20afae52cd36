import { createRequire } from "node:module";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { Secret } from "../core/secret.ts";

/** A resource that a Pulumi program registered: what the program wants, before anything is compared or done. */
export interface Resource {
  urn: string;
  /** Pulumi's type token, e.g. `docker:index/service:Service`. */
  type: string;
  name: string;
  /** Inputs as the program gave them; secret ones are wrapped in {@link Secret}. */
  inputs: Record<string, unknown>;
  /** URNs that must exist first. */
  dependsOn: string[];
  /** Inputs whose changes are to be ignored once the object exists. */
  ignoreChanges: string[];
}

const load = createRequire(import.meta.url);

/** A Pulumi program: registers resources, returns nothing. */
export type Program = () => void | Promise<void>;

// The keys by which Pulumi marks special values on the wire (pulumi/sdk/nodejs/runtime/rpc.ts).
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/**
 * Runs a Pulumi program in this process and returns the resources that it registers, in the order of registration. Nothing is done
 * to any server. Programs may run concurrently: each has its own local storage inside the SDK.
 * The id of a resource is a stand-in (`ref:URN`) that the engine replaces when it carries the resource out.
 */
export async function evaluate(program: Program, where: Where): Promise<Resource[]> {
  try {
    return await withoutStacks(() => run(program, where));
  } catch {
    // A program does nothing but describe, so it can be run again, now with the stack that its error is to show.
    Error.stackTraceLimit = STACK;
    return run(program, where);
  }
}

interface Where {
  project: string;
  stack: string;
}

/** Lines of an error's stack. */
const STACK = Error.stackTraceLimit;
let evaluating = 0;

/** The SDK notes the stack at each of its promises, which is a third of all that evaluating costs. */
async function withoutStacks<T>(work: () => Promise<T>): Promise<T> {
  if (evaluating++ === 0) Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    if (--evaluating === 0) Error.stackTraceLimit = STACK;
  }
}

async function run(program: Program, where: Where): Promise<Resource[]> {
  const sdk = loadSdk();
  const resources: Resource[] = [];
  const refused: string[] = [];
  const failures: unknown[] = [];
  await sdk.state.withLocalStorage(async () => {
    sdk.settings.setMockOptions(
      createMonitor(sdk, where, resources, refused),
      where.project,
      where.stack,
      false,
      "terrace",
    );
    Object.assign(sdk.state.getStore(), { supportsSecrets: true, supportsResourceReferences: true });
    await sdk.runInPulumiStack(async () => {
      // Thrown on from here: inside of it the SDK would let the error escape into the process as well.
      await Promise.resolve()
        .then(program)
        .catch((error: unknown) => failures.push(error));
      return {};
    });
    await sdk.settings.waitForRPCs();
  });
  if (refused.length > 0) throw new Error(`the embedded engine does not support ${refused.join(", ")}`);
  if (failures.length > 0) throw failures[0];
  return resources;
}

type Sdk = ReturnType<typeof loadSdk>;

/** The SDK takes a quarter of a second to load, so it is loaded only where a program must really run. */
function loadSdk() {
  const pulumi = load("@pulumi/pulumi") as typeof import("@pulumi/pulumi");
  const proto = load("@pulumi/pulumi/proto/resource_pb.js") as typeof import("@pulumi/pulumi/proto/resource_pb.js");
  const provider = load("@pulumi/pulumi/proto/provider_pb.js") as typeof import("@pulumi/pulumi/proto/provider_pb.js");
  return {
    runInPulumiStack: pulumi.runtime.runInPulumiStack,
    RegisterResourceResponse: proto.RegisterResourceResponse,
    ReadResourceResponse: proto.ReadResourceResponse,
    InvokeResponse: provider.InvokeResponse,
    // These hooks are what the SDK's own test mocks use; its type declarations leave them out.
    settings: load("@pulumi/pulumi/runtime/settings.js") as {
      setMockOptions(monitor: object, project: string, stack: string, preview: boolean, organization: string): void;
      waitForRPCs(): Promise<void>;
    },
    state: load("@pulumi/pulumi/runtime/state.js") as {
      withLocalStorage<T>(callback: () => Promise<T>): Promise<T>;
      getStore(): object;
    },
  };
}

/** Answers the calls that the SDK makes to Pulumi's engine; the SDK passes and expects its protobuf messages. */
function createMonitor(sdk: Sdk, where: Where, resources: Resource[], refused: string[]) {
  const types = new Map<string, string>();
  return {
    registerResource(request: RegisterResourceRequest, callback: Callback) {
      const type = qualifiedType(types.get(request.getParent()), request.getType());
      const urn = `urn:pulumi:${where.stack}::${where.project}::${type}::${request.getName()}`;
      types.set(urn, type);
      const response = new sdk.RegisterResourceResponse();
      response.setUrn(urn);
      response.setObject(request.getObject());
      if (request.getCustom()) {
        response.setId(`ref:${urn}`);
        resources.push({
          urn,
          type: request.getType(),
          name: request.getName(),
          inputs: unwrap(request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
          dependsOn: request.getDependenciesList(),
          ignoreChanges: request.getIgnorechangesList(),
        });
      }
      callback(null, response);
    },
    registerResourceOutputs(_request: unknown, callback: Callback) {
      callback(null, {});
    },
    supportsFeature(request: { getId(): string }, callback: Callback) {
      const supported = ["secrets", "resourceReferences"].includes(request.getId());
      callback(null, { getHassupport: () => supported });
    },
    // Refusals are collected: the SDK itself would let an error of these two escape from the program that caused it.
    invoke(request: { getTok(): string }, callback: Callback) {
      refused.push(`the function ${request.getTok()}`);
      callback(null, new sdk.InvokeResponse());
    },
    readResource(request: { getType(): string }, callback: Callback) {
      refused.push(`reading ${request.getType()}`);
      callback(null, new sdk.ReadResourceResponse());
    },
  };
}

/** A child's type in a URN carries its parents' types: `terrace:index:Site$docker:index/service:Service`. */
function qualifiedType(parent: string | undefined, type: string): string {
  return parent === undefined || parent.endsWith("pulumi:pulumi:Stack") ? type : `${parent}$${type}`;
}

function unwrap(value: unknown): unknown {
  if (value === UNKNOWN) throw new Error("a program may not depend on a value that is known only after apply");
  if (Array.isArray(value)) return value.map(unwrap);
  if (value === null || typeof value !== "object") return value;
  const record = value as Record<string, unknown>;
  if (record[SIGNATURE] === SECRET) return new Secret(unwrap(record.value));
  if (SIGNATURE in record) throw new Error("the embedded engine supports neither assets nor archives");
  return Object.fromEntries(Object.entries(record).map(([key, each]) => [key, unwrap(each)]));
}

type Callback = (error: Error | null, response?: unknown) => void;
