import { ApiError, hasLabels, type Json, parseFilters } from "./engine-api-forms.ts";
import { type SimulatedSwarm, type Stored, type SwarmKind, wantedTasks } from "./engine-api-swarm.ts";

/** One call as a route sees it. */
export interface ApiCall {
  query: URLSearchParams;
  /** What the path holds in the place of `*`. */
  reference: string;
  body: Json;
}

export interface ApiAnswer {
  status: number;
  /** JSON, or one JSON document a line where it is a list in `lines`. */
  body?: unknown;
  lines?: Json[];
}

type Handler = (swarm: SimulatedSwarm, call: ApiCall) => ApiAnswer;

interface Route {
  method: string;
  /** `*` stands for a reference, which may hold slashes. */
  pattern: string;
  run: Handler;
}

const KINDS: SwarmKind[] = ["service", "network", "secret", "config"];

/** Every call that the simulated engine answers. */
export const routes: Route[] = [...KINDS.flatMap(objectRoutes), ...imageRoutes(), ...otherRoutes()];

function objectRoutes(kind: SwarmKind): Route[] {
  const path = `/${kind}s`;
  return [
    { method: "GET", pattern: path, run: (swarm, { query }) => ({ status: 200, body: listed(swarm, kind, query) }) },
    {
      method: "POST",
      pattern: `${path}/create`,
      run: (swarm, { body }) => {
        const { id } = swarm.create(kind, body);
        return { status: 201, body: kind === "network" ? { Id: id, Warning: "" } : { ID: id } };
      },
    },
    {
      method: "POST",
      pattern: `${path}/*/update`,
      run: (swarm, { reference, query, body }) => {
        swarm.update(kind, reference, Number(query.get("version")), body);
        return { status: 200, body: { Warnings: null } };
      },
    },
    { method: "GET", pattern: `${path}/*/logs`, run: () => ({ status: 200 }) },
    {
      method: "GET",
      pattern: `${path}/*`,
      run: (swarm, { reference }) => ({ status: 200, body: shown(swarm.find(kind, reference)) }),
    },
    {
      method: "DELETE",
      pattern: `${path}/*`,
      run: (swarm, { reference }) => {
        swarm.remove(kind, reference);
        return { status: kind === "service" ? 200 : 204 };
      },
    },
  ];
}

function listed(swarm: SimulatedSwarm, kind: SwarmKind, query: URLSearchParams): Json[] {
  const { label, name, id } = parseFilters(query.get("filters"));
  const labels = ({ spec }: Stored) => spec.Labels as Record<string, string>;
  const chosen = swarm
    .list(kind)
    .filter((each) => hasLabels(labels(each), label))
    .filter((each) => name === undefined || name.some((start) => each.name.startsWith(start)))
    .filter((each) => id === undefined || id.some((start) => each.id.startsWith(start)));
  if (kind !== "service" || query.get("status") === null) return chosen.map(shown);
  const running = swarm.running();
  return chosen.map((each) => ({
    ...shown(each),
    ServiceStatus: { RunningTasks: running.get(each.id) ?? 0, DesiredTasks: wantedTasks(each.spec), CompletedTasks: 0 },
  }));
}

/** An object in the API's form. A secret's data is never given out. */
function shown({ kind, id, version, created, updated, spec, previous, update }: Stored): Json {
  if (kind === "network") return { ...spec, Id: id, Created: created };
  const { Data, ...open } = spec;
  const frame = { ID: id, Version: { Index: version }, CreatedAt: created, UpdatedAt: updated };
  if (kind !== "service") return { ...frame, Spec: kind === "secret" ? open : spec };
  const ports = (spec.EndpointSpec as { Ports?: Json[] } | undefined)?.Ports;
  return {
    ...frame,
    Spec: spec,
    ...(previous && { PreviousSpec: previous }),
    Endpoint: { Spec: spec.EndpointSpec ?? {}, ...(ports && { Ports: ports }) },
    ...(update && {
      UpdateStatus: {
        State: Date.now() < update.done ? "updating" : "completed",
        StartedAt: new Date(update.began).toISOString(),
        Message: Date.now() < update.done ? "update in progress" : "update completed",
      },
    }),
  };
}

function imageRoutes(): Route[] {
  return [
    {
      method: "GET",
      pattern: "/images/json",
      run: ({ images }) => ({
        status: 200,
        body: images.map(({ id, tags, created }) => ({ Id: id, RepoTags: tags, Created: created, Size: 90_000_000 })),
      }),
    },
    {
      method: "POST",
      pattern: "/build",
      run: (swarm, { query }) => {
        swarm.addImage(query.get("t") ?? "");
        return {
          status: 200,
          lines: [{ stream: "Step 1/1 : simulated\n" }, { stream: `Successfully tagged ${query.get("t")}\n` }],
        };
      },
    },
    {
      method: "POST",
      pattern: "/images/create",
      run: (_swarm, { query }) => {
        throw new ApiError(404, `pull access denied for ${query.get("fromImage")}: no registry answers here`);
      },
    },
    {
      method: "POST",
      pattern: "/images/*/tag",
      run: (swarm, { reference, query }) => {
        swarm.findImage(reference).tags.push(`${query.get("repo")}:${query.get("tag") ?? "latest"}`);
        return { status: 201 };
      },
    },
    {
      method: "GET",
      pattern: "/images/*/json",
      run: (swarm, { reference }) => {
        const { id, tags } = swarm.findImage(reference);
        return { status: 200, body: { Id: id, RepoTags: tags } };
      },
    },
    {
      method: "DELETE",
      pattern: "/images/*",
      run: (swarm, { reference }) => {
        const image = swarm.findImage(reference);
        image.tags = image.tags.filter((tag) => tag !== reference);
        return { status: 200, body: [{ Untagged: reference }] };
      },
    },
  ];
}

function otherRoutes(): Route[] {
  const swarmInfo = { LocalNodeState: "active", ControlAvailable: true, Nodes: 1, Managers: 1 };
  return [
    {
      method: "GET",
      pattern: "/tasks",
      run: (swarm, { query }) => ({ status: 200, body: chosenTasks(swarm, parseFilters(query.get("filters"))) }),
    },
    { method: "GET", pattern: "/tasks/*/logs", run: () => ({ status: 200 }) },
    { method: "GET", pattern: "/nodes", run: (swarm) => ({ status: 200, body: swarm.nodes() }) },
    { method: "GET", pattern: "/info", run: () => ({ status: 200, body: { Swarm: swarmInfo, Name: "simulated" } }) },
    { method: "GET", pattern: "/volumes", run: () => ({ status: 200, body: { Volumes: [], Warnings: null } }) },
    { method: "GET", pattern: "/containers/json", run: () => ({ status: 200, body: [] }) },
  ];
}

function chosenTasks(swarm: SimulatedSwarm, filters: Record<string, string[]>): Json[] {
  const { service, "desired-state": desired, id } = filters;
  const services = service?.map((reference) => swarm.find("service", reference).id);
  return swarm
    .tasks()
    .filter(({ ServiceID }) => services === undefined || services.includes(String(ServiceID)))
    .filter(({ DesiredState }) => desired === undefined || desired.includes(String(DesiredState)))
    .filter(({ ID }) => id === undefined || id.includes(String(ID)));
}
