/** This machine: installs and starts Docker Engine, initialises Swarm, tells who holds a port. */

export { freeBridgePool, freePool, parseRange, parseRoutes } from "./addresses.ts";
export { bootstrapBase } from "./base-image.ts";
export { spawn, which } from "./browser.ts";
export { type DockerReady, type EnsureDockerOptions, ensureDocker } from "./docker.ts";
export { type PortHolder, type PortsOptions, portsInUse, requirePorts } from "./ports.ts";
export type { Report } from "./report.ts";
export { lastLines } from "./run.ts";
export { type EnsureSwarmOptions, ensureSwarm, type SwarmReady } from "./swarm.ts";
export { type SwarmInfo, swarmStep } from "./swarm-state.ts";
export { installRootCertificate } from "./trust.ts";
