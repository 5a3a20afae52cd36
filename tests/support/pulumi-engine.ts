import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { ROOT } from "./sources.ts";

const load = createRequire(import.meta.url);
const { ResourceMonitorService } = load("@pulumi/pulumi/proto/resource_grpc_pb.js") as {
  ResourceMonitorService: grpc.ServiceDefinition;
};
const { EngineService } = load("@pulumi/pulumi/proto/engine_grpc_pb.js") as { EngineService: grpc.ServiceDefinition };
const resource = load("@pulumi/pulumi/proto/resource_pb.js") as typeof import("@pulumi/pulumi/proto/resource_pb.js");
const engine = load("@pulumi/pulumi/proto/engine_pb.js") as typeof import("@pulumi/pulumi/proto/engine_pb.js");
const { Empty } = load("google-protobuf/google/protobuf/empty_pb.js") as { Empty: new () => object };

/** A resource that a program registered over the wire. */
export interface Registered {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

/**
 * Runs a stack's folder just as the Pulumi CLI does: the SDK's own runner in a process of its own, speaking gRPC with an engine. The
 * engine here answers as in a preview and writes down what was registered; nothing is carried out.
 */
export async function runAsPulumi(
  folder: string,
  stack: string,
): Promise<{ code: number; output: string; registered: Registered[] }> {
  const registered: Registered[] = [];
  const logged: string[] = [];
  const server = new grpc.Server();
  server.addService(ResourceMonitorService, monitor(registered, stack));
  server.addService(EngineService, hostEngine(logged));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const address = `127.0.0.1:${port}`;
  const runner = join(ROOT, "node_modules/@pulumi/pulumi/cmd/run");
  const where = join(ROOT, "stacks", folder);
  const args = ["--import", "tsx", runner, "--monitor", address, "--engine", address, "--project", `terrace-${folder}`];
  const more = ["--stack", stack, "--dry-run", "--pwd", where, "--root-directory", where, "index.ts"];
  const child = spawn(process.execPath, [...args, ...more], { cwd: where, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (piece: Buffer) => {
      output += piece.toString();
    });
  }
  const code = await new Promise<number>((resolve) => child.on("close", (ended) => resolve(ended ?? -1)));
  server.forceShutdown();
  return { code, output: [output, ...logged].join(""), registered };
}

type Handler = (call: { request: unknown }, callback: (error: null, answer: unknown) => void) => void;

function monitor(registered: Registered[], stack: string): grpc.UntypedServiceImplementation {
  return {
    supportsFeature: (_call, callback) => {
      const answer = new resource.SupportsFeatureResponse();
      answer.setHassupport(true);
      callback(null, answer);
    },
    registerResource: (call, callback) => {
      const request = call.request as import("@pulumi/pulumi/proto/resource_pb.js").RegisterResourceRequest;
      const inputs = (request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>;
      if (request.getCustom()) registered.push({ type: request.getType(), name: request.getName(), inputs });
      const answer = new resource.RegisterResourceResponse();
      answer.setUrn(`urn:pulumi:${stack}::terrace::${request.getType()}::${request.getName()}`);
      answer.setObject(request.getObject());
      callback(null, answer);
    },
    registerResourceOutputs: (_call, callback) => callback(null, new Empty()),
    signalAndWaitForShutdown: (_call, callback) => callback(null, new Empty()),
  } satisfies Record<string, Handler> as grpc.UntypedServiceImplementation;
}

function hostEngine(logged: string[]): grpc.UntypedServiceImplementation {
  return {
    log: (call, callback) => {
      const message = call.request as import("@pulumi/pulumi/proto/engine_pb.js").LogRequest;
      if (message.getSeverity() >= engine.LogSeverity.WARNING) logged.push(message.getMessage());
      callback(null, new Empty());
    },
    getRootResource: (_call, callback) => callback(null, new engine.GetRootResourceResponse()),
    setRootResource: (_call, callback) => callback(null, new engine.SetRootResourceResponse()),
  } satisfies Record<string, Handler> as grpc.UntypedServiceImplementation;
}
